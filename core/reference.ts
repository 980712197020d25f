import { JackinError } from "./error.ts";

/** An environment value as the configuration writes it: text that may be a reference, or a literal whatever it looks like. */
export type EnvValue = string | { readonly value: string };

export type Classified =
  | { readonly kind: "literal"; readonly value: string }
  | { readonly kind: "reference"; readonly scheme: string; readonly reference: string };

/** Schemes that name a secret wherever they stand; without their plugin they are an error, never a literal. */
const wellKnownSchemes =
  "op env keychain file vault awssm awsps gcpsm azkv pass bw bws doppler infisical sops age exec keepass lastpass akeyless k8s".split(
    " ",
  );

/**
 * Tells a reference from a literal: `op://…` and any scheme of an installed plugin, `$NAME` and `${NAME}` as a whole string.
 * `file://` is a reference only as `file:///absolute`. Throws `plugin-missing` for a well-known scheme without its plugin.
 */
export function classify(value: EnvValue, schemes: ReadonlySet<string>): Classified {
  if (typeof value !== "string") return { kind: "literal", value: value.value };
  const found = parseReference(value);
  if (!found) return { kind: "literal", value };
  const { scheme } = found;
  if (schemes.has(scheme)) return { kind: "reference", ...found };
  if (!wellKnownSchemes.includes(scheme)) return { kind: "literal", value };
  throw new JackinError({
    code: "plugin-missing",
    message: `${scheme}:// needs a secret plugin that is not installed.`,
    hint: `Add the plugin for ${scheme}:// under [plugins] (by convention: jackin-plugin-${scheme}), or write { value = "…" } if the text is meant as it stands.`,
  });
}

/** A reference in the form in which it is asked for, noted and compared; undefined for other text. Its scheme may be nobody's. */
export function parseReference(
  text: string,
): { readonly scheme: string; readonly reference: string } | undefined {
  const variable = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})$/.exec(text);
  const written = variable ? `env://${variable[1] ?? variable[2]}` : text;
  const scheme = schemeOf(written);
  return scheme === undefined
    ? undefined
    : { scheme, reference: scheme + written.slice(scheme.length) };
}

/** The lower-case scheme of `scheme://…`, undefined for other text. */
export function schemeOf(text: string): string | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  return scheme === "file" && !/^file:\/\/\//i.test(text) ? undefined : scheme;
}
