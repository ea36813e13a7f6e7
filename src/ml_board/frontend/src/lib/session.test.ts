import { expect, it } from "vitest";
import { signInAddress } from "./session";

it("signs in where the page is, and comes back to all of it", () => {
  const address = signInAddress({ pathname: "/board/", search: "?run_id=r&filter=a%3Db" });
  expect(new URL(address, "http://h/board/").pathname).toBe("/board/login");
  expect(new URL(address, "http://h/board/").searchParams.get("next")).toBe("/board/?run_id=r&filter=a%3Db");
});
