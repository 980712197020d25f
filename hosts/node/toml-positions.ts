import type { AST } from "toml-eslint-parser";
import { keyName, parseTree } from "./toml-syntax.ts";
import type { Path } from "./toml-syntax.ts";

/** Offsets of every key and table, by the JSON of their path. */
export function keyPositions(text: string): ReadonlyMap<string, number> {
  const exact = new Map<string, number>();
  const implied = new Map<string, number>();
  const add = (base: Path, path: Path, key: AST.TOMLKey) => {
    // A header's path has numbers that its key has not: each name is looked for behind the one before.
    let at = base.length;
    for (const [index, part] of key.keys.entries()) {
      while (typeof path[at] === "number") at += 1;
      at += 1;
      const isLast = index === key.keys.length - 1;
      const id = JSON.stringify(path.slice(0, isLast ? path.length : at));
      if (isLast) setOnce(exact, id, part.range[0]);
      setOnce(implied, JSON.stringify(path.slice(0, at)), part.range[0]);
    }
  };
  const addValue = (path: Path, value: AST.TOMLContentNode) => {
    if (value.type === "TOMLInlineTable") addPairs(path, value.body);
    if (value.type !== "TOMLArray") return;
    for (const [index, element] of value.elements.entries()) {
      setOnce(exact, JSON.stringify([...path, index]), element.range[0]);
      addValue([...path, index], element);
    }
  };
  const addPairs = (base: Path, pairs: readonly (AST.TOMLKeyValue | AST.TOMLTable)[]) => {
    for (const pair of pairs) {
      if (pair.type === "TOMLTable") {
        add([], pair.resolvedKey, pair.key);
        addPairs(pair.resolvedKey, pair.body);
      } else {
        const path = [...base, ...pair.key.keys.map(keyName)];
        add(base, path, pair.key);
        addValue(path, pair.value);
      }
    }
  };
  addPairs([], parseTree(text).body[0].body);
  for (const [id, offset] of exact) implied.set(id, offset);
  return implied;
}

export function positionAt(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

function setOnce(map: Map<string, number>, id: string, offset: number): void {
  if (!map.has(id)) map.set(id, offset);
}
