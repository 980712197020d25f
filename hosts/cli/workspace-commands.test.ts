import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createOperatorDouble, everywhere } from "./operator-double.ts";
import type { CallInit, OperatorDouble } from "./operator-double.ts";

let operator: OperatorDouble;
beforeEach(async () => {
  operator = await createOperatorDouble();
});
afterEach(() => operator[Symbol.asyncDispose]());

const file = () => join(operator.home, ".config/jackin/config.toml");
const text = () => readFile(file(), "utf8");
const jackin = (line: string, init?: CallInit) => operator.jackin(line.split(" "), init);
const app = () => join(operator.home, "app");

describe("workspace create", () => {
  it("makes a workspace for a folder, with role and mode", async () => {
    await operator.configure("[roles.reviewer] # mine\n");
    const { code, stdout } = await jackin(
      "workspace create web --workdir . --role reviewer --auth token",
    );
    expect(code).toBe(0);
    expect(stdout).toBe(`Made workspace web for ${app()} in ${file()}\n`);
    expect(await text()).toBe(
      `[roles.reviewer] # mine\n\n[workspaces.web]\nworkdir = "${app()}"\nrole = "reviewer"\n\n[workspaces.web.claude]\nauth_forward = "token"\n`,
    );
  });

  it("keeps a folder as it was typed from ~", async () => {
    await jackin("workspace create web --workdir ~/app");
    expect(await text()).toContain('workdir = "~/app"');
  });

  it.each([
    ["workspace create", 2, "The workspace's name is missing."],
    ["workspace create web", 2, "The folder of workspace web is missing."],
    ["workspace create a/b --workdir .", 2, '"a/b" is no name for a workspace'],
    ["workspace create web --workdir ./gone", 1, "/app/gone is not there."],
    ["workspace create web --workdir . --role x", 1, 'There is no role "x": none is defined.'],
    ["workspace create web --workdir . --auth tokn", 2, 'Did you mean "token"?'],
    ["workspace create old --workdir .", 1, "There is a workspace old already."],
  ])("refuses %s", async (line, exit, message) => {
    const before = '[workspaces.old]\nworkdir = "/x"\n';
    await operator.configure(before);
    const { code, stderr } = await jackin(line);
    expect(code).toBe(exit);
    expect(stderr).toContain(message);
    expect(await text()).toBe(before);
  });

  it("refuses a file as the folder", async () => {
    await writeFile(join(app(), "file"), "");
    const { stderr } = await jackin("workspace create web --workdir file");
    expect(stderr).toContain("/app/file is no folder.");
  });

  it("asks for all of it on a terminal", async () => {
    await operator.configure("[roles.reviewer]\n");
    const { code } = await jackin("workspace create", {
      terminal: everywhere,
      answers: ["web", app(), "reviewer", ""],
    });
    expect(code).toBe(0);
    expect(operator.asked).toEqual([
      "Name of the workspace",
      "Folder that agents work in",
      "Role: , reviewer",
      "How agents are signed in: , sync, ignore, token",
    ]);
    expect(await text()).toBe(
      `[roles.reviewer]\n\n[workspaces.web]\nworkdir = "${app()}"\nrole = "reviewer"\n`,
    );
  });

  it("changes nothing when the person gives up", async () => {
    const { code } = await jackin("workspace create", {
      terminal: everywhere,
      answers: ["web", "cancel"],
    });
    expect(code).toBe(130);
    await expect(text()).rejects.toThrow("ENOENT");
  });

  it("says that another workspace has the folder", async () => {
    await jackin("workspace create one --workdir .");
    expect((await jackin("workspace create two --workdir .")).stderr).toContain(
      "workspace one has the same folder",
    );
  });
});

describe("workspace edit", () => {
  const before = '[roles.reviewer]\n# the site\n[workspaces.web]\nworkdir = "/gone" # moved\n';
  beforeEach(() => operator.configure(before));

  it("changes what is named, and back", async () => {
    const { stdout } = await jackin("workspace edit web --role reviewer --auth ignore");
    expect(stdout).toBe(`Changed workspace web in ${file()}\n`);
    expect(await text()).toBe(
      `${before}role = "reviewer"\n\n[workspaces.web.claude]\nauth_forward = "ignore"\n`,
    );
    await jackin("workspace edit web --no-role --no-auth");
    expect(await text()).toBe(before);
    await jackin("workspace edit web --workdir .");
    expect(await text()).toBe(before.replace("/gone", app()));
    expect((await jackin("workspace edit web --workdir .")).stdout).toContain("Nothing changed");
  });

  it("needs something to change, or a terminal to ask at", async () => {
    expect((await jackin("workspace edit web")).code).toBe(2);
    await jackin("workspace edit", {
      terminal: everywhere,
      answers: ["web", app(), "", "token"],
    });
    expect(operator.asked[0]).toBe("Which workspace?: web");
    expect(await text()).toContain(`workdir = "${app()}" # moved`);
    expect(await text()).toContain('[workspaces.web.claude]\nauth_forward = "token"');
  });

  it("names the nearest workspace", async () => {
    const { code, stderr } = await jackin("workspace edit wbe --no-role");
    expect(code).toBe(1);
    expect(stderr).toContain('no workspace "wbe" in the configuration. Did you mean "web"?');
  });
});

describe("workspace list and show", () => {
  beforeEach(async () => {
    await operator.configure(
      `[env]\nORG = "acme"\n[roles.reviewer.env]\nREF = "$X"\n[workspaces.web]\nworkdir = "${app()}"\nrole = "reviewer"\n[workspaces.old]\nworkdir = "/gone"\nclaude.auth_forward = "ignore"\n`,
    );
  });

  it("list the workspaces, and which folder is gone", async () => {
    const { stdout } = await jackin("workspace list");
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((row) => row.split(/ {2,}/)),
    ).toEqual([
      ["NAME", "FOLDER", "ROLE", "MODE"],
      ["web", app(), "reviewer", "sync"],
      ["old", "/gone (gone)", "-", "ignore"],
    ]);
    expect(JSON.parse((await jackin("workspace list --json")).stdout)).toEqual([
      {
        name: "web",
        workdir: app(),
        exists: true,
        role: "reviewer",
        mode: "sync",
        modeScope: "default",
      },
      { name: "old", workdir: "/gone", exists: false, mode: "ignore", modeScope: "workspace old" },
    ]);
  });

  it("show one, with its instances and no literal", async () => {
    await jackin("load web --detach", { env: { X: "1" } });
    const { stdout } = await jackin("workspace show web");
    expect(stdout).toContain("role:      reviewer\nmode:      sync (default)\n");
    expect(stdout).toMatch(/instances: web\S* \(running\)/);
    expect(stdout).toMatch(/ORG +\*\*\* +global/);
    expect(stdout).toMatch(/REF +\$X +role reviewer/);
    const json = JSON.parse((await jackin("workspace show web --json")).stdout);
    expect(json).toMatchObject({
      name: "web",
      exists: true,
      env: [{ key: "ORG", value: "***" }, {}],
    });
    expect(json.instances).toHaveLength(1);
  });

  it("say how to begin when there is none", async () => {
    await operator.configure("");
    expect((await jackin("workspace list")).stderr).toContain("jackin workspace create");
    expect((await jackin("workspace list --json")).stdout).toBe("[]\n");
    expect((await jackin("workspace show")).stderr).toContain("There is no workspace yet.");
  });
});

describe("workspace remove", () => {
  beforeEach(() =>
    operator.configure(
      `# top\n[workspaces.web]\nworkdir = "${app()}"\n\n[workspaces.web.env]\nA = "1"\n\n[env]\nB = "2"\n`,
    ),
  );

  it("takes the workspace out, and says which instances still have state", async () => {
    await jackin("load web --detach");
    const { code, stdout, stderr } = await jackin("workspace remove web --yes");
    expect(code).toBe(0);
    expect(stdout).toBe(`Removed workspace web from ${file()}\n`);
    expect(stderr).toMatch(/web\S* \(running\) still has state, which stays/);
    expect(stderr).toContain("jackin purge web");
    expect(await text()).toBe('# top\n\n[env]\nB = "2"\n');
  });

  it("asks first; no and nobody to ask leave it", async () => {
    const before = await text();
    expect((await jackin("workspace remove web")).code).toBe(2);
    const no = await jackin("workspace remove web", { terminal: everywhere, answers: [false] });
    expect(no.code).toBe(130);
    expect(await text()).toBe(before);
    const yes = await jackin("workspace remove web", { terminal: everywhere, answers: [true] });
    expect(yes.code).toBe(0);
    expect(await text()).not.toContain("web");
  });

  it("removes the file of a workspace that has its own", async () => {
    const own = join(operator.home, ".config/jackin/workspaces/api.toml");
    await mkdir(join(own, ".."));
    await writeFile(own, 'workdir = "/api"\n');
    const { stdout } = await jackin("workspace remove api --yes");
    expect(stdout).toBe(`Removed workspace api from ${own}\n`);
    await expect(readFile(own)).rejects.toThrow("ENOENT");
  });
});
