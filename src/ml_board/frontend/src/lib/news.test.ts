import { expect, it } from "vitest";
import { addNews, noNews } from "./news";
import { delta } from "./testing";

it("keeps the points of each delta with the number of events that they are of", () => {
  const news = addNews(noNews(10), delta({ offset: 12, points: [[0, "a", 1, 2]] }));
  expect(news).toEqual({ from: 10, chunks: [{ offset: 12, points: [[0, "a", 1, 2]] }] });
  expect(addNews(news, delta({ from_offset: 12, offset: 15 }))).toBe(news);
});

it("forgets the oldest in the end, and says from where on it still knows all", () => {
  let news = noNews(0);
  for (let i = 1; i <= 5_000; i += 1) news = addNews(news, delta({ offset: i, points: [[0, "a", i, i]] }));
  expect(news.chunks.length).toBeLessThanOrEqual(2_000);
  expect(news.chunks.at(-1)!.offset).toBe(5_000);
  expect(news.chunks[0]!.offset).toBe(news.from + 1);
});
