/**
 * Stands in for `vitest` in bare workerd, where vitest itself cannot run: its own runner and its own `expect`, without
 * the parts that need a machine. What a test file uses and is not here fails the bundling.
 */
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
} from "@vitest/expect";
import { getCurrentTest } from "@vitest/runner";

export {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  it,
  onTestFinished,
  test,
} from "@vitest/runner";

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);

const matchers = Reflect.get(globalThis, ASYMMETRIC_MATCHERS_OBJECT) as object;

export const expect = Object.assign(
  (value: unknown, message?: string) => {
    const assertion = chai.expect(value, message) as unknown as {
      withTest(test: unknown): unknown;
    };
    return assertion.withTest(getCurrentTest());
  },
  chai.expect,
  matchers,
);

/** For types only: nothing to do at run time. */
export const expectTypeOf: (...values: unknown[]) => unknown = () =>
  new Proxy(() => {}, { get: () => expectTypeOf, apply: () => expectTypeOf() });

export const vi = {
  /** Until it throws no more, for 30 s. */
  async waitFor<T>(look: () => T | Promise<T>): Promise<T> {
    for (const end = Date.now() + 30_000; ;) {
      try {
        return await look();
      } catch (error) {
        if (Date.now() > end) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
};
