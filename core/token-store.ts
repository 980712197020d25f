/** Where tokens can be put, and how one gets there. */
import * as v from "valibot";
import type { Plugin, PluginContext, SecretResolver, WriteRequest, Written } from "./contracts.ts";
import { resolveEntries } from "./environment.ts";
import { JackinError, toJackinError } from "./error.ts";
import type { StateStore } from "./host.ts";
import { ofKind } from "./launch.ts";
import { didYouMean } from "./nearest.ts";
import type { Secret } from "./secret.ts";
import { tokenVariable } from "./token.ts";
import type { TokenPlace } from "./tokens.ts";
import { toReference } from "./token-use.ts";
import { uncancelled } from "./uncancelled.ts";
import { within } from "./within.ts";

/** ms */
const looking = 10_000;
/** ms; an unlocked app may ask its operator first */
const writing = 300_000;
/** ms; a store that was stopped takes back what it has done */
const settling = 75_000;

const usualKey = "token-place";
const usualSchema = v.object({ place: v.string() });

type Store = SecretResolver & Required<Pick<SecretResolver, "places" | "write">>;

export async function listPlaces(
  plugins: readonly Plugin[],
  store: StateStore,
  of: string | undefined,
  ctx: PluginContext,
): Promise<readonly TokenPlace[]> {
  const asked = of === undefined ? storesOf(plugins) : [storeOf(plugins, of)];
  const usual = v.safeParse(usualSchema, await store.getItem(usualKey));
  const lists = await Promise.all(asked.map((plugin) => placesOf(plugin, ctx)));
  const places = lists.flat().map((place) => ({
    ...place,
    isUsual: usual.success && usual.output.place === place.place,
  }));
  const rank = ({ isUsual, error }: TokenPlace) => (isUsual ? 0 : error ? 2 : 1);
  return places.toSorted((a, b) => rank(a) - rank(b));
}

/** Throws why nothing can be put into a place now; `places` are those of its store. */
export function checkPlace(named: string, places: readonly TokenPlace[]): void {
  const same = places.find(({ place }) => place === named);
  const failing = same ?? (places.every(({ error }) => error) ? places[0] : undefined);
  if (failing?.error) throw failing.error;
}

export async function rememberPlace(store: StateStore, place: string): Promise<void> {
  await store.setItem(usualKey, { place });
}

/**
 * Puts a token away. `plugin`: who has it. A store that was stopped, by the signal or its time limit, may have stored it all the
 * same, or be taking it back: that is waited for, and answered. `onLate`: for what comes after that.
 */
export async function storeToken(
  plugins: readonly Plugin[],
  request: WriteRequest,
  ctx: PluginContext,
  onLate: (landing: Promise<Written>) => void,
): Promise<Written & { readonly plugin: string }> {
  const store = storeOf(plugins, request.place);
  const limit = { limitMs: writing, signal: ctx.signal, what: `[${store.name}] storing the token` };
  let landing: Promise<Written> | undefined;
  try {
    const written = await within(
      limit,
      (signal) => (landing = store.write(request, { ...ctx, signal })),
    ).catch(async (error: unknown) => {
      if (!landing) throw error;
      const settled = landing.then(
        (late) => ({ late }),
        (failed: unknown) => ({ failed }),
      );
      const end = await within(uncancelled({ ...limit, limitMs: settling }), () => settled).catch(
        () => undefined,
      );
      if (!end) onLate(landing);
      if (end && "late" in end) return end.late;
      throw end ? end.failed : error;
    });
    const what = `[${store.name}] taking the token back`;
    return {
      ...written,
      plugin: store.name,
      undo: (later) =>
        within({ limitMs: writing, signal: later.signal, what }, (signal) =>
          written.undo({ ...later, signal }),
        ),
    };
  } catch (error) {
    throw toJackinError(error, "secret-failed", `[${store.name}] `);
  }
}

/** The value that a launch would have by this reference. Throws `secret-failed` when there is none. */
export async function readBack(
  reference: string,
  plugins: readonly Plugin[],
  ctx: PluginContext,
): Promise<Secret> {
  const entry = { key: tokenVariable, value: reference, scope: "the token" };
  const [resolved] = await resolveEntries([entry], ofKind(plugins, "secret"), ctx).catch(
    (thrown: unknown) => {
      const { code, hint, cause } = toJackinError(thrown);
      // It alone was asked for, and nothing is being started.
      if (code !== "secret-failed" || !(cause instanceof JackinError)) throw thrown;
      throw new JackinError({ code, message: cause.message, hint, cause });
    },
  );
  if (resolved?.source === "literal")
    throw new JackinError({
      code: "usage",
      message: "That is no reference of an installed backend.",
      hint: `It begins with one of: ${schemesOf(plugins).join(", ")}`,
    });
  return ctx.secret(resolved!.value!.reveal());
}

/** The form of a reference that survives a rename, and who answers it. */
export async function settleReference(
  named: string,
  plugins: readonly Plugin[],
  ctx: PluginContext,
): Promise<{ readonly reference: string; readonly plugin: string }> {
  const reference = toReference(named);
  const plugin = ofKind(plugins, "secret").find(({ scheme }) => isOf(reference, scheme));
  if (!plugin?.describe) return { reference, plugin: plugin?.name ?? "" };
  const limit = {
    limitMs: plugin.limitMs ?? 30_000,
    signal: ctx.signal,
    what: `[${plugin.name}] the check of ${reference}`,
  };
  const { store } = await within(limit, (signal) =>
    plugin.describe!(reference, { ...ctx, signal }),
  );
  return { reference: toReference(store), plugin: plugin.name };
}

export async function removeStored(
  reference: string,
  plugins: readonly Plugin[],
  ctx: PluginContext,
): Promise<"removed" | "absent" | "foreign"> {
  const store = ofKind(plugins, "secret").find(({ scheme }) => isOf(reference, scheme));
  if (!store?.remove) return "foreign";
  const limit = { limitMs: writing, signal: ctx.signal, what: `[${store.name}] the removal` };
  return await within(limit, (signal) => store.remove!(reference, { ...ctx, signal }));
}

async function placesOf(
  plugin: Store,
  ctx: PluginContext,
): Promise<readonly Omit<TokenPlace, "isUsual">[]> {
  const { name, scheme } = plugin;
  const limit = { limitMs: looking, signal: ctx.signal, what: `[${name}] the list of places` };
  try {
    const places = await within(limit, (signal) => plugin.places({ ...ctx, signal }));
    return places.map((place) => ({ ...place, plugin: name, scheme }));
  } catch (thrown) {
    const error = toJackinError(thrown, "secret-failed", `[${name}] `);
    if (error.code === "cancelled") throw error;
    return [{ place: scheme, text: name, plugin: name, scheme, error }];
  }
}

function storeOf(plugins: readonly Plugin[], place: string): Store {
  const stores = storesOf(plugins);
  const scheme = place.split("://")[0]!.toLowerCase();
  const found = stores.find((store) => store.scheme === scheme);
  if (found) return found;
  const known = stores.map((store) => store.scheme);
  // Anything may stand there, a token too.
  const isName = /^[\w.+-]{1,40}$/.test(scheme);
  throw new JackinError({
    code: "usage",
    message: isName
      ? `No store "${scheme}" can take a token.${didYouMean(scheme, known)}`
      : "That is no store for a token.",
    hint: known.length > 0 ? `The stores here: ${known.join(", ")}` : undefined,
  });
}

function storesOf(plugins: readonly Plugin[]): readonly Store[] {
  return ofKind(plugins, "secret").filter(
    (plugin): plugin is Store => plugin.write !== undefined && plugin.places !== undefined,
  );
}

function schemesOf(plugins: readonly Plugin[]): readonly string[] {
  return ofKind(plugins, "secret").map(({ scheme }) => `${scheme}://`);
}

function isOf(reference: string, scheme: string): boolean {
  return reference.startsWith(`${scheme}://`);
}
