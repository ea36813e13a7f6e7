import { useEffect, useRef, useState, type ReactNode } from "react";

/** Mounts its children only while they are on the screen, or nearly; keeps their place otherwise. */
export function WhenVisible({ height, children }: { height: number; children: () => ReactNode }) {
  const root = useRef<HTMLDivElement>(null);
  const [visible, setVisible] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => setVisible(entries.some((entry) => entry.isIntersecting)), {
      rootMargin: "160px",
    });
    observer.observe(root.current!);
    return () => observer.disconnect();
  }, []);
  return (
    <div ref={root} style={{ minHeight: height }}>
      {visible && children()}
    </div>
  );
}
