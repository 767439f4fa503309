// What the page knows without asking: the summaries of all pipelines, by one stream, and how old they are. Everything else is
// asked for by the view that shows it, again and again while it is shown.

import { batch, computed, effect, signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { get, Refused, stream, type Caller, type PipelineSummary } from "./api.ts";

/** Admin sends a message every five seconds at least; two that fail to come make what is shown old. */
const staleAfter = 10_000;

export const pipelines = signal<ReadonlyMap<string, PipelineSummary>>(new Map());
/** When the last message came, by this machine's clock; undefined before the first. */
export const lastNews = signal<number | undefined>(undefined);
/** Why there is no news; empty while there is. */
export const trouble = signal("");
export const now = signal(Date.now());
export const stale = computed(() => trouble.value !== "" || (lastNews.value !== undefined && now.value - lastNews.value > staleAfter));
/** Whether admin has said who is signed in. */
export const known = signal(false);
export const caller = signal<Caller>({ name: "", role: "", session: false, ways: [] });
/** Nobody is signed in, and somebody must be. */
export const signedOut = computed(() => known.value && caller.value.name === "");

export async function learnCaller(): Promise<void> {
  caller.value = await get<Caller>("/ui/session");
  known.value = true;
}

setInterval(() => { now.value = Date.now(); }, 1000);

interface Message { summaries: PipelineSummary[]; deleted: string[]; sequence: string }

/** Whether a message has come since the last that failed; the pauses between attempts grow until one does. */
let failures = 0;

async function watch(): Promise<void> {
  const abort = new AbortController();
  const begun = Date.now();
  // A machine that slept has a stream that looks open and says nothing.
  const silence = effect(() => { if (lastNews.value !== undefined && now.value - Math.max(lastNews.value, begun) > staleAfter) abort.abort(); });
  let expected = 1;
  try {
    await stream<Message>("GET", "/v1/pipelines:watch?view=PIPELINE_VIEW_BASIC", undefined, abort.signal, (message) => {
      if (Number(message.sequence) !== expected) throw new Error("a message of the watch is missing");
      const all = new Map(expected === 1 ? [] : pipelines.value);
      expected++;
      failures = 0;
      for (const p of message.summaries) all.set(p.source, p);
      for (const source of message.deleted) all.delete(source);
      batch(() => {
        if (message.summaries.length || message.deleted.length || expected === 2) pipelines.value = all;
        lastNews.value = Date.now();
        trouble.value = "";
      });
    });
    throw new Error("admin ended the watch");
  } catch (error) {
    trouble.value = error instanceof Refused ? error.message : "admin cannot be reached";
  } finally {
    silence();
    abort.abort();
  }
}

/** Watches for as long as the page is open. */
export async function follow(): Promise<never> {
  for (;;) {
    await learnCaller().catch(() => undefined);
    if (signedOut.value) {
      // Until somebody has signed in there is nothing to ask.
      await new Promise<void>((resolve) => { const stop = effect(() => { if (!signedOut.value) { queueMicrotask(() => stop()); resolve(); } }); });
    }
    await watch();
    const pause = Math.min(1000 * 2 ** failures++, 30_000);
    await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random() / 2)));
  }
}

export interface Asked<T> { answer: T | undefined; error: string; again: () => void }

/** The answer to a GET, asked for again every interval (ms) while the page is visible. A failure keeps the last answer. */
export function useAsked<T>(path: string | undefined, interval = 5000): Asked<T> {
  const [state, set] = useState<{ path: string | undefined; answer: T | undefined; error: string }>({ path, answer: undefined, error: "" });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (path === undefined) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      if (!document.hidden) {
        try {
          const answer = await get<T>(path, abort.signal);
          set({ path, answer, error: "" });
        } catch (error) {
          if (abort.signal.aborted) return;
          if (error instanceof Refused && error.status === 401) void learnCaller().catch(() => undefined);
          set((last) => ({ path, answer: last.path === path ? last.answer : undefined, error: error instanceof Refused ? error.message : "admin cannot be reached" }));
        }
      }
      if (!abort.signal.aborted) timer = setTimeout(ask, interval);
    };
    void ask();
    return () => { abort.abort(); clearTimeout(timer); };
  }, [path, interval, turn]);
  return { answer: state.path === path ? state.answer : undefined, error: state.path === path ? state.error : "", again: () => setTurn((n) => n + 1) };
}
