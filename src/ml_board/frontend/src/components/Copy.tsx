import { useEffect, useState } from "react";

/** Copies a text and says so for a moment. */
export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
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
    <button type="button" className="button quiet h-6 px-1.5" onClick={copy} aria-live="polite">
      {outcome === "copied" ? "Copied" : outcome === "failed" ? "Not allowed here" : label}
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
      <CopyButton text={children} />
    </div>
  );
}
