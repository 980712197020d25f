import { testModes } from "./modes.ts";

testModes("as the user who runs the tests", async () => ({}));
