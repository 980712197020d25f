// What the double of the 1Password CLI answers: the calls that the plugin may make, in the exact form it may make them, and
// nothing else. Plain JavaScript without a machine, so that the system's Node 20 runs it, and a test in memory on any runtime.

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
  "several-accounts": () =>
    trouble('error initializing client: found multiple accounts for filter "my.1password.com"'),
  locked: () => trouble("error initializing client: 1Password app is locked"),
  dismissed: () =>
    trouble("error initializing client: authorization prompt dismissed, please try again"),
  "rate-limited": () => trouble("(429) Too Many Requests"),
  "not-permitted": () =>
    trouble("(403) Forbidden: You do not have permission to perform this action."),
  crash: () => new Refusal("panic: runtime error: invalid memory address or nil pointer", 2),
};

const commands = [
  [["read", "--no-newline", "--", "?"], (account, [ref]) => read(account, ref)],
  [["inject"], (account, _, input) => inject(account, input)],
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
    (accounts) =>
      json(
        Object.keys(accounts).map((name) => ({
          url: name,
          email: accounts[name].email ?? `operator@${name}`,
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
    (account, [vault]) => json(itemsOf(account, vault).map(({ item }) => summary(item))),
  ],
  [
    ["item", "get", "?", "--vault", "?", "--format", "json"],
    (account, [item, vault]) => json(findItem(account, vault, item).item),
  ],
  [
    ["item", "create", "--vault", "?", "--format", "json", "-"],
    (account, [vault], input) => create(account, vault, input),
  ],
  [
    ["item", "edit", "?", "--vault", "?", "--format", "json"],
    (account, [item, vault], input) => edit(account, vault, item, input),
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

/** Those that read what they are given. */
const readers = new Set(["inject", "item create", "item edit"]);

/** What of a state's `commands` a call is, e.g. `item create`; whether it reads its input; whether its arguments hold a secret. */
export function look(state, argv) {
  const words = argv[0] === "--account" ? argv.slice(2) : argv;
  const command = ["item", "vault", "account"].includes(words[0])
    ? words.slice(0, 2).join(" ")
    : (words[0] ?? "");
  const isKnown = commands.some(([form]) => match(form, words));
  return { command, reads: isKnown && readers.has(command), tells: tells(argv, secretsOf(state)) };
}

/**
 * Answers one call and changes `state` as `op` would change its vaults. `input` is undefined unless it comes through a
 * real pipe. `hangs`: it never ends by itself.
 */
export function answer(state, argv, input) {
  const result = { stdout: "", stderr: "", code: 0, hangs: false };
  try {
    result.stdout = act(state, argv, input);
  } catch (error) {
    if (error === noAnswer) return { ...result, hangs: true };
    if (!(error instanceof Refusal)) throw error;
    result.code = error.code;
    result.stderr = `${error.message}\n`;
  }
  return result;
}

const noAnswer = Symbol("no answer");

function act(state, argv, input) {
  const { command, reads, tells: isTold } = look(state, argv);
  if (isTold) throw undocumented("a secret is in the argument list");
  const words = [...argv];
  const pinned = words[0] === "--account" ? words.splice(0, 2)[1] : undefined;
  const found = commands.map(([form, run]) => [match(form, words), run]).find(([values]) => values);
  if (!found) throw undocumented(`no such call: op ${argv.join(" ")}`);
  if (pinned !== undefined && words[0] === "account")
    throw undocumented("account list takes no --account");
  if (reads && tells(argv, wordsOf(input))) throw undocumented("its input is in its arguments");

  const names = Object.keys(state.accounts ?? {});
  const lists = words[0] === "account";
  const own = state.commands?.[command];
  const fault =
    state.fault ??
    (names.length === 0 && !lists ? "no-accounts" : undefined) ??
    (words[0] === "read" ? state.faults?.[words.at(-1)] : undefined) ??
    (own?.after ? undefined : own?.fault);
  if (fault && !(lists && fault !== "rate-limited")) fail(fault);
  if (lists) return found[1](state.accounts);
  const name = pinned ?? names[0];
  const account = state.accounts[name];
  if (!account) throw trouble(`found no accounts for filter "${name}"`);
  if (account.fault) fail(account.fault);
  if (reads && input === undefined) throw trouble("expected data on stdin but none found");
  const done = found[1]({ ...account, name }, found[0], input);
  if (own?.after && own.fault === "garbled") return `{"id": "…", "value": ${done.slice(0, 400)}`;
  if (own?.after && own.fault) fail(own.fault);
  return done;
}

function fail(fault) {
  if (fault === "no-answer") throw noAnswer;
  if (!Object.hasOwn(faults, fault))
    throw undocumented(`the state names an unknown fault: ${fault}`);
  throw faults[fault]();
}

/** The values of the form's `?`, or nothing when the call is of another form. */
function match(form, words) {
  if (form.length !== words.length) return undefined;
  const fits = form.every((part, index) =>
    part === "?" ? words[index] !== "" && !words[index].startsWith("-") : part === words[index],
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
  const { item } = findItem(account, vault, title);
  const found = item.fields.find(
    (entry) =>
      [entry.id, entry.label].includes(`${field}${query}`) &&
      (section === undefined || [entry.section?.id, entry.section?.label].includes(section)),
  );
  if (!found)
    throw trouble(
      `could not read secret '${ref}': item '${vault}/${title}' does not have a field '${section ? `${section}.` : ""}${field}'`,
    );
  return found.value ?? "";
}

function inject(account, input) {
  return input.replaceAll(/\{\{\s*(op:\/\/[^}]+?)\s*\}\}/g, (_, ref) => read(account, ref));
}

function vaultNameOf(account, vault) {
  const name = Object.keys(account.vaults).find(
    (key) => key === vault || vaultId(account, key) === vault,
  );
  if (name !== undefined) return name;
  throw trouble(`"${vault}" isn't a vault in this account. Specify the vault with its ID or name.`);
}

/** Each with the key that it has in the state. */
function itemsOf(account, vault) {
  const name = vaultNameOf(account, vault);
  const items = account.vaults[name];
  const place = { id: vaultId(account, name), name };
  return Object.keys(items).map((key) => {
    if (Array.isArray(items[key].fields))
      return {
        key,
        name,
        item: {
          id: idOf("item", account.name, name, key),
          title: key,
          vault: place,
          ...items[key],
        },
      };
    // The short form of an item is { label: value }.
    const fields = Object.entries(items[key]).map(([path, value]) => {
      const [label, section] = path.split("/").toReversed();
      return {
        id: idOf("field", name, key, path),
        label,
        type: "CONCEALED",
        value,
        ...(section
          ? { section: { id: idOf("section", name, key, section), label: section } }
          : {}),
      };
    });
    const id = idOf("item", account.name, name, key);
    const rest = { category: "API_CREDENTIAL", tags: [], vault: place, fields };
    return { key, name, item: { id, title: key, ...rest } };
  });
}

function findItem(account, vault, word) {
  const found = itemsOf(account, vault).filter(
    ({ item }) => item.id === word || item.title === word,
  );
  if (found.length === 0)
    throw trouble(
      `"${word}" isn't an item in the "${vault}" vault. Specify the item with its UUID, name, or domain.`,
    );
  if (found.length > 1)
    throw trouble(`More than one item matches "${word}". Try again and specify the item by its ID`);
  return found[0];
}

const templateKeys = ["title", "category", "tags", "fields"];
const fieldKeys = ["id", "label", "type", "value"];

function create(account, vault, input) {
  const template = parse(input);
  const isExact =
    sameWords(Object.keys(template), templateKeys) &&
    template.category === "API_CREDENTIAL" &&
    template.tags.includes("jackin") &&
    template.fields.every(
      (field) => sameWords(Object.keys(field), fieldKeys) && field.type === "CONCEALED",
    );
  if (!isExact) throw undocumented("the template is not of the documented form");
  if (template.title === "") throw trouble("invalid JSON: the template needs a title");
  const name = vaultNameOf(account, vault);
  const item = {
    ...template,
    id: newId(),
    vault: { id: vaultId(account, name), name },
    last_edited_by: newId(),
    additional_information: "—",
    // Ids of its own: nobody may rely on those of the template.
    fields: [
      { id: "notesPlain", type: "STRING", purpose: "NOTES", label: "notesPlain" },
      ...template.fields.map((field) => ({ ...field, id: newId() })),
    ],
  };
  account.vaults[name][item.id] = item;
  return json(item);
}

/** The item becomes what it is given, so what is not given is lost: only a field may be taken away by that. */
function edit(account, vault, word, input) {
  const { item: before, name, key } = findItem(account, vault, word);
  if (before.id !== word) throw undocumented("item edit names the item by its id");
  const after = parse(input);
  if (after.id !== before.id || after.vault?.id !== before.vault.id)
    throw undocumented("item edit is given another item");
  const rest = (item) => sorted({ ...item, fields: undefined });
  if (rest(after) !== rest(before)) throw undocumented("item edit changes more than fields");
  const known = new Map(before.fields.map((field) => [field.id, field]));
  const bare = (field) => sorted({ ...field, value: undefined });
  for (const field of after.fields)
    if (known.has(field.id) && bare(field) !== bare(known.get(field.id)))
      throw undocumented("item edit changes more of a field than its value");
  after.fields = after.fields.map((field) =>
    known.has(field.id) ? field : { ...field, id: newId() },
  );
  account.vaults[name][key] = after;
  return json(after);
}

function remove(account, vault, word) {
  const { name, key } = findItem(account, vault, word);
  delete account.vaults[name][key];
  return "";
}

function parse(input) {
  try {
    return JSON.parse(input);
  } catch {
    // It quotes what it could not read.
    throw trouble(`invalid JSON in input: ${input.slice(0, 200)}`);
  }
}

function summary(item) {
  return { ...item, fields: undefined };
}

function vaultId(account, name) {
  return idOf("vault", account.name, name);
}

const letters = "abcdefghijklmnopqrstuvwxyz234567";

/** 26 characters of a-z and 2-7, like the real ones; the same for the same words. */
function idOf(...parts) {
  let hash = 2166136261;
  for (const char of parts.join("\0")) hash = Math.imul(hash ^ char.codePointAt(0), 16777619);
  return Array.from({ length: 26 }, (_, index) => {
    hash = Math.imul(hash ^ (hash >>> 15), 2246822519) + index;
    return letters[(hash >>> 9) % 32];
  }).join("");
}

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(26)), (byte) => letters[byte % 32]).join(
    "",
  );
}

function json(value) {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The order of its keys says nothing. */
function sorted(value) {
  return JSON.stringify(value, (_, part) =>
    part && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function sameWords(left, right) {
  return left.toSorted().join() === right.toSorted().join();
}

/** Shorter ones may be in any argument by chance. */
function tells(argv, secrets) {
  return secrets.some((secret) => secret.length >= 8 && argv.some((word) => word.includes(secret)));
}

/** Every value of a template, as far as it can be read. */
function wordsOf(input) {
  try {
    return JSON.parse(input)
      .fields.map(({ value }) => value)
      .filter((value) => typeof value === "string");
  } catch {
    return [];
  }
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
