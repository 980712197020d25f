/**
 * The same random values in every run, so that a change is judged by what it changes. `JACKIN_FUZZ_SEED=$RANDOM` looks at
 * others; what that finds becomes an example of its test.
 */
import fc from "fast-check";

fc.configureGlobal({ seed: Number(process.env["JACKIN_FUZZ_SEED"] ?? 1) });
