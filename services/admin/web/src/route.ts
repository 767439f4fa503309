// Where the reader is: the path names the view, the query its filters, so that every link, reload and Back keeps them.

import { computed, signal } from "@preact/signals";

const here = () => location.pathname + location.search;
const address = signal(here());
addEventListener("popstate", () => { address.value = here(); });

/** The parts of the path behind /ui, decoded: ["pipelines", "pg-orders-source"]. */
export const path = computed(() => new URL(address.value, location.origin).pathname.replace(/^\/(ui\/?)?/, "").split("/").filter(Boolean).map(decodeURIComponent));
export const query = computed(() => new URL(address.value, location.origin).searchParams);

export const to = (...parts: string[]) => "/ui/" + parts.map(encodeURIComponent).join("/");

/** Goes to an address of the page. */
export function go(href: string): void {
  history.pushState(null, "", href);
  address.value = here();
  scrollTo(0, 0);
}

/** Sets or, by an empty value, removes parts of the query; in place, since each letter of a filter is no place to go back to. */
export function ask(values: Record<string, string>): void {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(values)) {
    if (value === "") url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  history.replaceState(null, "", url);
  address.value = here();
}

/** Follows links within the page without loading it again. */
export function follow(event: MouseEvent): void {
  const link = (event.target as Element).closest?.("a");
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target !== "" || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.pathname !== "/" && !link.pathname.startsWith("/ui/")) return;
  event.preventDefault();
  go(link.pathname + link.search);
}
