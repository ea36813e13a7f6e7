/** The outline of a page that is being loaded. */
export function PageSkeleton() {
  return (
    <div aria-busy="true" aria-label="Loading" className="grid gap-4">
      <div className="skeleton h-6 w-72 max-w-full" />
      <div className="grid gap-4 xl:grid-cols-2">
        <div className="skeleton h-80" />
        <div className="grid grid-cols-2 gap-2">
          {[0, 1, 2, 3].map((index) => (
            <div key={index} className="skeleton h-39" />
          ))}
        </div>
      </div>
    </div>
  );
}
