import { useEffect, useState } from "react";

interface Props {
  text: string;
  /** What is copied, in the button's name: "Copy the command". */
  what: string;
  /** Shown beside the sign; the sign stands alone where there is none. */
  label?: string;
}

/** Copies a text and says so for a moment. */
export function CopyButton({ text, what, label }: Props) {
  const [outcome, setOutcome] = useState<"copied" | "failed" | null>(null);
  useEffect(() => {
    if (outcome === null) return;
    const timer = setTimeout(() => setOutcome(null), 1600);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = () => {
    void writeClipboard(text).then((done) => setOutcome(done ? "copied" : "failed"));
  };
  return (
    <button
      type="button"
      className="button quiet h-6 gap-1 px-1.5"
      aria-label={outcome === "copied" ? "Copied" : `Copy ${what}`}
      title={`Copy ${what}`}
      onClick={copy}
    >
      <svg
        viewBox="0 0 16 16"
        className="size-3.5"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.3"
        aria-hidden="true"
      >
        {outcome === "copied" ? (
          <path d="m3 8.5 3.2 3L13 4.5" strokeLinecap="round" strokeLinejoin="round" />
        ) : (
          <path d="M5.5 5.5h7v8h-7zM10.5 5.5v-3h-7v8h2" strokeLinejoin="round" />
        )}
      </svg>
      {outcome === "failed" ? "Not allowed here" : label}
    </button>
  );
}

/** A board on a plain http address has no clipboard interface: the old way works there. */
async function writeClipboard(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

/** A command to be typed into a terminal. */
export function Command({ children }: { children: string }) {
  return (
    <div className="flex max-w-full items-center gap-2 rounded-md border border-line bg-well py-1 pr-1 pl-3">
      <code className="min-w-0 flex-1 overflow-x-auto font-mono text-xs whitespace-nowrap">
        <span className="text-faint select-none" aria-hidden="true">
          ${" "}
        </span>
        {children}
      </code>
      <CopyButton text={children} what="the command" />
    </div>
  );
}
