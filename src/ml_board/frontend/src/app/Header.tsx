import { Link } from "@/components/Link";
import { addressOf, type Address } from "@/lib/address";
import { useSession } from "@/lib/session";
import { chooseTheme, nextChoice, useTheme, type ThemeChoice } from "@/lib/theme";
import type { ReactNode } from "react";
import icon from "./icon.svg";

interface Props {
  address: Address;
  /** Where a session may be; null where none is known. */
  restEndpoint?: string | null;
  children?: ReactNode;
}

/** Where one is, whether it is live, the theme, and the way out of a session. */
export function Header({ address, restEndpoint = null, children }: Props) {
  return (
    <header className="sticky top-0 z-20 flex h-11 items-center gap-3 border-b border-line bg-panel px-4">
      <nav aria-label="Where you are" className="flex min-w-0 items-center gap-2">
        <Link to={addressOf(address, null)} className="flex items-center gap-2 font-semibold tracking-tight">
          <img src={icon} alt="" className="size-5" />
          <span className={address.runId ? "hidden sm:inline" : ""}>MLboard</span>
        </Link>
        {address.runId && (
          <>
            <Separator />
            <Link
              to={addressOf(address, address.runId)}
              className="truncate font-mono text-xs"
              aria-current={address.experimentId === null ? "page" : undefined}
            >
              {address.runId}
            </Link>
          </>
        )}
        {address.experimentId !== null && (
          <>
            <Separator />
            <span aria-current="page">#{address.experimentId}</span>
          </>
        )}
      </nav>
      <div className="ml-auto flex items-center gap-3">
        {children}
        <ThemeButton />
        {restEndpoint === window.location.origin && <SignOut endpoint={restEndpoint} />}
      </div>
    </header>
  );
}

/** Nothing where nobody had to sign in. */
function SignOut({ endpoint }: { endpoint: string }) {
  const session = useSession(endpoint);
  if (!session || session.is_open) return null;
  return (
    <form method="post" action="logout">
      <button type="submit" className="button quiet" title={`Signed in as ${session.name}`}>
        Sign out
      </button>
    </form>
  );
}

function Separator() {
  return (
    <span aria-hidden="true" className="text-faint">
      /
    </span>
  );
}

const THEME_MARKS: Record<ThemeChoice, ReactNode> = {
  system: <path d="M2 3h12v8H2zM6 13.500h4" />,
  light: (
    <path d="M8 5.200a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.600ZM8 1v1.500M8 13.500V15M1 8h1.500M13.5 8H15M3 3l1.1 1.100M11.9 11.9 13 13M3 13l1.1-1.100M11.9 4.1 13 3" />
  ),
  dark: <path d="M13.5 9.600A5.8 5.8 0 0 1 6.4 2.500a5.8 5.8 0 1 0 7.1 7.100Z" />,
};

function ThemeButton() {
  const { choice } = useTheme();
  const next = nextChoice(choice);
  return (
    <button
      type="button"
      className="button quiet w-7 justify-center px-0"
      aria-label={`Theme: ${choice}. Change to ${next}.`}
      title={`Theme: ${choice}`}
      onClick={() => chooseTheme(next)}
    >
      <svg
        viewBox="0 0 16 16"
        className="size-4"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.3"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
      >
        {THEME_MARKS[choice]}
      </svg>
    </button>
  );
}
