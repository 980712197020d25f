/** What the double of `op` finds, and what tests set. */
export type OpFault =
  | "not-signed-in"
  | "no-accounts"
  | "several-accounts"
  | "locked"
  | "dismissed"
  /** Hangs until it is killed. */
  | "no-answer"
  | "rate-limited"
  /** The vault may only be read. */
  | "not-permitted"
  | "crash";

/** Field values by label, or by `section/label`. A value for a query is a label of its own: `code?attribute=otp`. */
export type OpItem = Readonly<Record<string, string>>;

/** An item as `op item get` shows it; what is left out is made up. */
export interface OpWholeItem {
  readonly id?: string;
  readonly title?: string;
  readonly category?: string;
  readonly tags?: readonly string[];
  readonly fields: readonly OpField[];
  readonly [key: string]: unknown;
}

export interface OpField {
  readonly id: string;
  readonly label?: string;
  readonly type?: string;
  readonly value?: string;
  readonly section?: { readonly id: string; readonly label?: string };
  readonly [key: string]: unknown;
}

export interface OpAccount {
  readonly email?: string;
  /** This account alone is in trouble. */
  readonly fault?: OpFault;
  /** Vault name, item title (its id for one that `op item create` has made), item. */
  readonly vaults: Readonly<Record<string, Readonly<Record<string, OpItem | OpWholeItem>>>>;
}

export type OpCommand =
  | "read"
  | "inject"
  | "whoami"
  | "account list"
  | "vault list"
  | "item list"
  | "item get"
  | "item create"
  | "item edit"
  | "item delete";

export interface OpMoment {
  /** How long each call takes beside its own start, in ms. Default 0. */
  readonly latencyMs?: number;
  /** A call that finds this file goes on once it is gone. It has read its input by then. */
  readonly waitWhile?: string;
}

export interface OpState extends OpMoment {
  /** By sign-in address. The first one answers calls without `--account`. */
  readonly accounts: Readonly<Record<string, OpAccount>>;
  /** What every call meets. */
  readonly fault?: OpFault;
  /** What a single reference meets when it is read. */
  readonly faults?: Readonly<Record<string, OpFault>>;
  /** What one kind of call meets; `after`: it has done its work by then, and nobody is told so. `garbled` is an answer cut off. */
  readonly commands?: Readonly<
    Partial<
      Record<
        OpCommand,
        OpMoment &
          (
            | { readonly fault?: OpFault; readonly after?: boolean }
            | { readonly fault: "garbled"; readonly after: true }
          )
      >
    >
  >;
}
