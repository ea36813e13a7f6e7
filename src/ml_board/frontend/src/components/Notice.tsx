import type { ReactNode } from "react";

interface Props {
  tone?: "error" | "warning" | "plain";
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}

const TONES = {
  error: "border-failed/40 bg-failed-wash",
  warning: "border-lost/40 bg-lost-wash",
  plain: "border-line bg-panel",
};

/** Something that the reader should know, and what to do about it. */
export function Notice({ tone = "plain", title, children, action }: Props) {
  return (
    <div
      role={tone === "error" ? "alert" : "status"}
      className={`flex flex-wrap items-center gap-x-4 gap-y-2 rounded-md border px-4 py-3 ${TONES[tone]}`}
    >
      <div className="min-w-0 flex-1 basis-64">
        <p className="font-semibold break-words">{title}</p>
        {children && <div className="mt-0.5 break-words text-soft">{children}</div>}
      </div>
      {action}
    </div>
  );
}
