/** Actions that come more often than they should be done: the last news is always done, what it replaced is not. */

export interface Paced<T> {
  (news: T): void;
  cancel: () => void;
}

/** Does `action` at once where it rested long enough, else when it has; `restAfter` says how many ms it rests. */
export function pace<T>(action: (news: T) => void, restAfter: (news: T) => number): Paced<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let restsUntil = -Infinity;
  let latest: T;
  const act = () => {
    timer = undefined;
    restsUntil = performance.now() + restAfter(latest);
    action(latest);
  };
  const paced = (news: T) => {
    latest = news;
    if (timer !== undefined) return;
    const wait = restsUntil - performance.now();
    if (wait <= 0) act();
    else timer = setTimeout(act, wait);
  };
  paced.cancel = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  return paced;
}
