/** jackin inside a program of yours: `node examples/embed.ts [FOLDER]` starts an agent there and leaves it running. */
import { resolve } from "node:path";
import { openJackin } from "jackin/node";
import { authIgnore } from "jackin/plugins/auth-ignore";
import { authSync } from "jackin/plugins/auth-sync";
import { authToken } from "jackin/plugins/auth-token";
import { runtimeDocker } from "jackin/plugins/runtime-docker";
import { secretEnv } from "jackin/plugins/secret-env";

// What this program permits and nothing else; without `plugins` it is what the command has.
const plugins = [runtimeDocker(), authSync(), authIgnore(), authToken(), secretEnv()];
const { jackin } = await openJackin({ plugins });

const { instance, line, notices } = await jackin.load(
  { target: resolve(process.argv[2] ?? ".") },
  { progress: (text) => console.error(text) },
);
console.log(`${instance.instance} runs (${line})`);
for (const { text, next } of notices) console.log(next ? `${text}\n  ${next}` : text);
