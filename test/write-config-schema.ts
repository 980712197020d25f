/** Writes `docs/config.schema.json` from the schema in the code: `npx node test/write-config-schema.ts`. */
import { writeFileSync } from "node:fs";
import { toConfigJsonSchema } from "../hosts/node/config-schema.ts";
import { authIgnore } from "../plugins/auth-ignore/index.ts";
import { authSession } from "../plugins/auth-session/index.ts";
import { authSync } from "../plugins/auth-sync/index.ts";
import { authToken } from "../plugins/auth-token/index.ts";

const schema = toConfigJsonSchema([authSync(), authIgnore(), authToken(), authSession()]);
const file = new URL("../docs/config.schema.json", import.meta.url);
writeFileSync(file, `${JSON.stringify(schema, null, 2)}\n`);
