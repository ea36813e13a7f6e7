import { useEffect, useRef, useState, type ReactNode } from "react";

/** Mounts its children only while they are on the screen, or nearly, and tells them its width; keeps their place. */
export function WhenVisible({ height, children }: { height: number; children: (width: number) => ReactNode }) {
  const root = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState<number | null>(null);
  useEffect(() => {
    const look: IntersectionObserverCallback = (entries) => {
      const shown = entries.find((entry) => entry.isIntersecting);
      setWidth(shown ? Math.round(shown.boundingClientRect.width) : null);
    };
    const observer = new IntersectionObserver(look, { rootMargin: "160px" });
    observer.observe(root.current!);
    return () => observer.disconnect();
  }, []);
  return (
    <div ref={root} style={{ minHeight: height }}>
      {width !== null && children(width)}
    </div>
  );
}
