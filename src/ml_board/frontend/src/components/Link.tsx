import { formatAddress, type Address } from "@/lib/address";
import { go } from "@/lib/navigation";
import type { AnchorHTMLAttributes, MouseEvent } from "react";

interface Props extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href"> {
  to: Address;
}

/** A link to another page of the board; new tabs and windows work as they do for any link. */
export function Link({ to, onClick, ...rest }: Props) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    ) {
      return;
    }
    event.preventDefault();
    go(to);
    window.scrollTo(0, 0);
  };
  return <a href={formatAddress(to)} onClick={follow} {...rest} />;
}
