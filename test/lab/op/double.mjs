// A double of the 1Password CLI: the calls that the plugin may make, in the exact form it may make them, and nothing else.
// Plain JavaScript, so that the system's Node 20 runs it. State and record: see op.ts.
import { createHash, randomBytes } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  fstatSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const stateFile = process.env.OP_DOUBLE_STATE;
if (!stateFile) {
  process.stderr.write("op double: OP_DOUBLE_STATE is not set\n");
  process.exit(64);
}
const state = JSON.parse(readFileSync(stateFile, "utf8"));
const argv = process.argv.slice(2);
const id = `${process.pid}-${randomBytes(4).toString("hex")}`;

const note = (line) => appendFileSync(`${stateFile}.calls`, `${JSON.stringify({ id, ...line })}\n`);

class Refusal extends Error {
  constructor(message, code = 1) {
    super(message);
    this.code = code;
  }
}
/** A call that is not on the page: a mistake of the caller, so it is loud. */
const undocumented = (why) => new Refusal(`op double: ${why}`, 64);
/** A failure as `op` words it. */
const trouble = (message) => new Refusal(`[ERROR] 2026/01/01 00:00:00 ${message}`);

const faults = {
  "not-signed-in": () =>
    trouble("You are not currently signed in. Please run `op signin --help` for instructions"),
  "no-accounts": () =>
    trouble(
      "no accounts configured for use with 1Password CLI. Run `op account add` or connect the desktop app",
    ),
  locked: () => trouble("error initializing client: 1Password app is locked"),
  "rate-limited": () => trouble("(429) Too Many Requests"),
};

const commands = [
  [["read", "--no-newline", "--", "?"], (account, [ref]) => read(account, ref)],
  [["inject"], (account) => inject(account)],
  [
    ["whoami", "--format", "json"],
    (account) =>
      json({
        url: account.name,
        email: account.email ?? `operator@${account.name}`,
        user_uuid: idOf("user", account.name),
        account_uuid: idOf("account", account.name),
      }),
  ],
  [
    ["account", "list", "--format", "json"],
    () =>
      json(
        Object.keys(state.accounts).map((name) => ({
          url: name,
          email: state.accounts[name].email ?? `operator@${name}`,
          user_uuid: idOf("user", name),
          account_uuid: idOf("account", name),
        })),
      ),
  ],
  [
    ["vault", "list", "--format", "json"],
    (account) =>
      json(Object.keys(account.vaults).map((name) => ({ id: vaultId(account, name), name }))),
  ],
  [
    ["item", "list", "--vault", "?", "--format", "json"],
    (account, [vault]) => json(itemsOf(account, vault).map(summary)),
  ],
  [
    ["item", "get", "?", "--vault", "?", "--format", "json"],
    (account, [item, vault]) => json(findItem(account, vault, item)),
  ],
  [
    ["item", "create", "--vault", "?", "--format", "json", "-"],
    (account, [vault]) => create(account, vault),
  ],
  [
    ["item", "edit", "?", "--vault", "?", "--format", "json"],
    (account, [item, vault]) => edit(account, vault, item),
  ],
  [
    ["item", "delete", "?", "--vault", "?"],
    (account, [item, vault]) => remove(account, vault, item),
  ],
  [
    ["item", "delete", "?", "--vault", "?", "--archive"],
    (account, [item, vault]) => remove(account, vault, item),
  ],
];

async function run() {
  for (const secret of secretsOf(state)) {
    if (secret.length >= 8 && argv.some((word) => word.includes(secret))) {
      argv.fill("***");
      throw undocumented("a secret is in the argument list");
    }
  }
  note({
    start: Date.now(),
    argv,
    env: Object.keys(process.env).filter(
      (name) => name.startsWith("OP_") && name !== "OP_DOUBLE_STATE",
    ),
  });
  const words = [...argv];
  const pinned = words[0] === "--account" ? words.splice(0, 2)[1] : undefined;
  const found = commands.map(([form, act]) => [match(form, words), act]).find(([values]) => values);
  if (!found) throw undocumented(`no such call: op ${argv.join(" ")}`);
  if (pinned !== undefined && words[0] === "account")
    throw undocumented("account list takes no --account");

  await sleep(state.latencyMs ?? 0);
  while (state.waitWhile && existsSync(state.waitWhile)) await sleep(20);
  const names = Object.keys(state.accounts ?? {});
  const lists = words[0] === "account";
  const fault =
    state.fault ??
    (names.length === 0 && !lists ? "no-accounts" : undefined) ??
    (words[0] === "read" ? state.faults?.[words.at(-1)] : undefined);
  if (fault === "no-answer") return new Promise(() => setInterval(() => undefined, 60_000));
  if (fault && !(lists && fault !== "rate-limited")) {
    if (!faults[fault]) throw undocumented(`the state names an unknown fault: ${fault}`);
    throw faults[fault]();
  }
  if (lists) return found[1]();
  const name = pinned ?? names[0];
  const account = state.accounts[name];
  if (!account) throw trouble(`found no accounts for filter "${name}"`);
  if (account.fault) throw faults[account.fault]();
  return found[1](Object.assign(account, { name }), found[0]);
}

/** The values of the form's `?`, or nothing when the call is of another form. */
function match(form, words) {
  if (form.length !== words.length) return undefined;
  const fits = form.every((part, index) =>
    part === "?" ? words[index] !== "" && !words[index].startsWith("--") : part === words[index],
  );
  return fits ? words.filter((_, index) => form[index] === "?") : undefined;
}

function read(account, ref) {
  const parsed =
    /^op:\/\/([^/?]+)\/([^/?]+)\/(?:([^/?]+)\/)?([^/?]+?)(\?(?:attribute=otp|ssh-format=openssh))?$/.exec(
      ref,
    );
  if (!parsed)
    throw trouble(`invalid secret reference '${ref}': want op://vault/item[/section]/field`);
  const bad = /[^A-Za-z0-9_. -]/.exec(parsed.slice(1, 5).filter(Boolean).join(""));
  if (bad)
    throw trouble(
      `invalid secret reference '${ref}': invalid character in secret reference: '${bad[0]}'`,
    );
  const [, vault, title, section, field, query = ""] = parsed;
  const item = findItem(account, vault, title);
  const found = item.fields.find(
    (entry) =>
      [entry.id, entry.label].includes(`${field}${query}`) &&
      (section === undefined || [entry.section?.id, entry.section?.label].includes(section)),
  );
  if (!found)
    throw trouble(
      `could not read secret '${ref}': item '${vault}/${title}' does not have a field '${section ? `${section}.` : ""}${field}'`,
    );
  return found.value;
}

function inject(account) {
  if (!fstatSync(0).isFIFO()) throw trouble("expected data on stdin but none found");
  return readFileSync(0, "utf8").replaceAll(/\{\{\s*(op:\/\/[^}]+?)\s*\}\}/g, (_, ref) =>
    read(account, ref),
  );
}

function itemsOf(account, vault) {
  const name = Object.keys(account.vaults).find(
    (key) => key === vault || vaultId(account, key) === vault,
  );
  if (name === undefined)
    throw trouble(
      `"${vault}" isn't a vault in this account. Specify the vault with its ID or name.`,
    );
  // The short form of an item is { label: value }.
  const items = account.vaults[name];
  return Object.keys(items).map((title) => {
    if (Array.isArray(items[title].fields)) return { ...items[title], title };
    const fields = Object.entries(items[title]).map(([path, value]) => {
      const [label, section] = path.split("/").toReversed();
      return {
        id: idOf("field", name, title, path),
        label,
        type: "CONCEALED",
        value,
        ...(section
          ? { section: { id: idOf("section", name, title, section), label: section } }
          : {}),
      };
    });
    return {
      id: idOf("item", account.name, name, title),
      title,
      category: "API_CREDENTIAL",
      tags: [],
      vault: { id: vaultId(account, name), name },
      fields,
    };
  });
}

function findItem(account, vault, item) {
  const found = itemsOf(account, vault).filter(
    (entry) => entry.id === item || entry.title === item,
  );
  if (found.length === 0)
    throw trouble(
      `"${item}" isn't an item in the "${vault}" vault. Specify the item with its UUID, name, or domain.`,
    );
  if (found.length > 1)
    throw trouble(`More than one item matches "${item}". Try again and specify the item by its ID`);
  return found[0];
}

function create(account, vault) {
  const template = JSON.parse(readFileSync(0, "utf8"));
  if (!template.title || !template.category || !Array.isArray(template.fields))
    throw trouble("invalid JSON: the template needs title, category and fields");
  const name =
    itemsOf(account, vault) &&
    Object.keys(account.vaults).find((key) => key === vault || vaultId(account, key) === vault);
  const fields = template.fields.map((field) => ({
    ...field,
    id: field.id || idOf(randomBytes(8).toString("hex")),
  }));
  const item = {
    tags: [],
    ...template,
    id: idOf(randomBytes(8).toString("hex")),
    vault: { id: vaultId(account, name), name },
    fields,
  };
  account.vaults[name][item.title] = item;
  save();
  return json(item);
}

function edit(account, vault, key) {
  const before = findItem(account, vault, key);
  if (before.id !== key) throw undocumented("item edit names the item by its id");
  const after = { ...JSON.parse(readFileSync(0, "utf8")), id: before.id, vault: before.vault };
  after.fields = after.fields.map((field) => ({
    ...field,
    id: field.id || idOf(randomBytes(8).toString("hex")),
  }));
  delete account.vaults[before.vault.name][before.title];
  account.vaults[before.vault.name][after.title] = after;
  save();
  return json(after);
}

function remove(account, vault, key) {
  const item = findItem(account, vault, key);
  delete account.vaults[item.vault.name][item.title];
  save();
  return "";
}

function save() {
  for (const account of Object.values(state.accounts)) delete account.name;
  writeFileSync(`${stateFile}.${id}`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${stateFile}.${id}`, stateFile);
}

function summary(item) {
  return { ...item, fields: undefined };
}

function vaultId(account, name) {
  return idOf("vault", account.name, name);
}

/** 26 characters of a-z and 2-7, like the real ones. */
function idOf(...parts) {
  const bytes = createHash("sha256").update(parts.join("\0")).digest();
  return Array.from(
    bytes.subarray(0, 26),
    (byte) => "abcdefghijklmnopqrstuvwxyz234567"[byte % 32],
  ).join("");
}

function json(value) {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function secretsOf({ accounts = {} }) {
  return Object.values(accounts)
    .flatMap((account) =>
      Object.values(account.vaults ?? {}).flatMap((items) =>
        Object.values(items).flatMap((item) =>
          Array.isArray(item.fields)
            ? item.fields.map((field) => field.value)
            : Object.values(item),
        ),
      ),
    )
    .filter((value) => typeof value === "string");
}

let code = 0;
try {
  process.stdout.write(await run());
} catch (error) {
  code = error instanceof Refusal ? error.code : 70;
  process.stderr.write(`${error instanceof Refusal ? error.message : error.stack}\n`);
}
note({ end: Date.now(), code, argv });
process.exitCode = code;
