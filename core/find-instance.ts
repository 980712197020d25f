import { JackinError } from "./error.ts";
import { didYouMean } from "./nearest.ts";
import type { InstanceStatus, Roster } from "./roster.ts";

/** Throws `not-found`. */
export function findInstance(instance: string, { instances }: Roster): InstanceStatus {
  const found = instances.find((item) => item.instance === instance);
  if (!found) throw noInstance(instance, instances);
  return found;
}

export function noInstance(name: string, instances: readonly InstanceStatus[]): JackinError {
  const known = instances.map((item) => item.instance);
  return new JackinError({
    code: "not-found",
    message: `No instance "${name}".${didYouMean(name, known)}`,
    hint: "jackin status",
  });
}
