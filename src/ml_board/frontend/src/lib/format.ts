/** Numbers, times and sizes as people read them. Pure; times are seconds since the epoch. */

export const NOTHING = "–";

/** A score in five figures: fixed decimals where that lines up, an exponent where it would not fit. */
export function formatScore(value: number | null | undefined): string {
  if (value === undefined) return NOTHING;
  if (value === null) return "not finite";
  const size = Math.abs(value);
  if (size === 0) return "0.0000";
  if (size < 1e-4 || size >= 1e6) return shortExponent(value.toExponential(3));
  if (size < 100) return value.toFixed(4);
  return value.toFixed(size < 1000 ? 2 : 1);
}

/** A value of a configuration in as few characters as tell it exactly. */
export function formatParameter(value: unknown): string {
  if (typeof value === "number") return formatPlainNumber(value);
  if (typeof value === "string") return value;
  if (value === undefined) return NOTHING;
  return JSON.stringify(value);
}

/** Three figures: "0.0021", "24", "1.53e-6", "480". */
export function formatFigures(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-3 || size >= 1e6) return shortExponent(String(Number(value.toPrecision(3)).toExponential()));
  return size < 100 ? String(Number(value.toPrecision(3))) : Math.round(value).toLocaleString("en-GB");
}

function formatPlainNumber(value: number): string {
  const size = Math.abs(value);
  const plain = String(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const exponent = shortExponent(value.toExponential());
    return exponent.length < plain.length ? exponent : shortExponent(plain);
  }
  return plain;
}

function shortExponent(text: string): string {
  return text.replace("e+", "e");
}

/** "0.4 s", "12 s", "3 min 05 s", "2 h 07 min", "4 d 03 h". */
export function formatDuration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NOTHING;
  const whole = Math.max(0, seconds);
  if (whole < 9.95) return `${whole.toFixed(1)} s`;
  const total = Math.round(whole);
  if (total < 60) return `${total} s`;
  if (total < 3600) return `${Math.floor(total / 60)} min ${twoDigits(total % 60)} s`;
  const minutes = Math.round(total / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
  const hours = Math.round(total / 3600);
  return `${Math.floor(hours / 24)} d ${twoDigits(hours % 24)} h`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

/** "just now", "12 s ago", "5 min ago", "3 h ago", "2 d ago". */
export function formatAgo(time: number | null | undefined, now: number): string {
  if (time === null || time === undefined) return NOTHING;
  const seconds = Math.max(0, now - time);
  if (seconds < 2) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** "21 Nov 2026, 10:04:31" in the reader's time zone. */
export function formatTime(time: number | null | undefined): string {
  if (time === null || time === undefined) return NOTHING;
  return new Date(time * 1000).toLocaleString("en-GB", {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}

/** "10:04:31" in the reader's time zone. */
export function formatClock(time: number): string {
  return new Date(time * 1000).toLocaleTimeString("en-GB");
}

const SIZES = ["B", "kB", "MB", "GB", "TB"];

/** "812 B", "1.5 kB", "23 MB": powers of 1000, as disks count. */
export function formatBytes(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 999.5 && unit < SIZES.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 9.95 ? Math.round(size) : size.toFixed(1)} ${SIZES[unit]}`;
}

/** "1 experiment", "12 experiments"; `nouns` where more are not called with an s. */
export function formatCount(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count.toLocaleString("en-GB")} ${count === 1 ? noun : nouns}`;
}

/** A command that a shell reads as the same words. */
export function formatCommand(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" ");
}
