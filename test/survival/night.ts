/** What a day and a night do to sessions: turns at random moments while the login runs out again and again. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "../lab/lab.ts";
import type { Session } from "./session.ts";

export interface NightOptions {
  readonly spanMs: number;
  /** Before a last turn that failed is tried again. */
  readonly graceMs: number;
  readonly turnsEach: number;
  readonly random: () => number;
}

export interface Outcome {
  readonly turns: number;
  readonly lost: readonly Loss[];
  /** Names of those that a last turn, tried twice, was refused. */
  readonly dead: readonly string[];
}

export interface Loss {
  readonly session: string;
  /** ms since the night began */
  readonly at: number;
  readonly said: string;
}

/** Each session makes its turns at moments of its own, and one more at the end. */
export async function spendNight(
  sessions: readonly Session[],
  lab: Lab,
  { spanMs, graceMs, turnsEach, random }: NightOptions,
): Promise<Outcome> {
  lab.reply = (prompt) => `heard ${prompt}`;
  const began = Date.now();
  const plans = sessions.map(() =>
    Array.from({ length: turnsEach }, () => random() * spanMs).toSorted((a, b) => a - b),
  );
  let turns = 0;
  let asked = 0;
  const lost: Loss[] = [];
  const dead: string[] = [];
  await Promise.all(sessions.map((session, index) => live(session, plans[index]!)));
  return { turns, lost, dead };

  async function live(session: Session, plan: readonly number[]): Promise<void> {
    let said: string | undefined;
    for (const at of [...plan, spanMs]) {
      await sleep(Math.max(0, began + at - Date.now()));
      const now = Date.now() - began;
      turns++;
      said = await turn(session);
      if (said !== undefined) lost.push({ session: session.name, at: now, said });
    }
    if (said === undefined) return;
    await sleep(graceMs);
    said = await turn(session);
    if (said !== undefined && isRefusal(said)) dead.push(session.name);
  }

  /** Answers what it said instead, when it did not do its work. */
  async function turn(session: Session): Promise<string | undefined> {
    const prompt = `turn ${++asked}`;
    const said = await session.say(prompt).catch((error: Error) => error.message);
    return said === `heard ${prompt}` ? undefined : said;
  }
}

/** Claude Code 2.1.330 was refused, or has nothing left to sign in with. */
function isRefusal(said: string): boolean {
  return /API Error: 401|Please run \/login|OAuth session expired/.test(said);
}

/** The same numbers for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
