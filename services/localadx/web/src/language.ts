// KQL for the editor: colours, completion from the schema and the engine's own vocabulary, and marks where the engine
// itself refuses the text. Nothing is guessed here about what the engine understands: it is asked.

import { autocompletion, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { StreamLanguage, type StreamParser } from "@codemirror/language";
import { linter, type Diagnostic } from "@codemirror/lint";
import type { EditorView } from "@codemirror/view";

import type { SchemaDatabase } from "./api";

/** What the engine understands: GET local/vocabulary. */
export interface Vocabulary { operators: string[]; functions: string[]; aggregates: string[] }

const words = new Set(("and as asc between by contains contains_cs datatable default desc endswith endswith_cs extend false " +
  "find from has has_all has_any has_cs hint in inner innerunique join kind leftanti leftouter leftsemi let limit lookup " +
  "make-series matches mv-expand nulls first last of on or order parse print project project-away project-keep project-rename " +
  "project-reorder range regex render rightanti rightouter rightsemi sample search serialize set sort startswith " +
  "startswith_cs step summarize take top true typeof union where with fullouter distinct count evaluate invoke " +
  "bool datetime decimal dynamic guid int long real string timespan").split(" "));

const parser: StreamParser<null> = {
  name: "kql",
  startState: () => null,
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^\/\/.*/)) return "comment";
    if (stream.match(/^@?"(?:[^"\\]|\\.)*"?/) || stream.match(/^@?'(?:[^'\\]|\\.)*'?/)) return "string";
    if (stream.match(/^\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?:d|h|m|s|ms|microsecond|tick)?\b/)) return "number";
    if (stream.sol() && stream.match(/^\.[a-z-]+/)) return "keyword";
    const word = stream.match(/^[A-Za-z_][\w]*(?:-[a-z]+)?/) as RegExpMatchArray | null;
    if (word) {
      if (words.has(word[0])) return "keyword";
      const dash = word[0].indexOf("-");
      if (dash > 0) stream.backUp(word[0].length - dash);
      const bare = dash > 0 ? word[0].slice(0, dash) : word[0];
      if (words.has(bare)) return "keyword";
      return stream.match(/^\s*\(/, false) ? "function" : "variableName";
    }
    if (stream.match(/^[|=!<>~+\-*/%]+/)) return "operator";
    stream.next();
    return null;
  },
  languageData: { commentTokens: { line: "//" }, closeBrackets: { brackets: ["(", "[", "{", "'", '"'] } },
};

export const kql = StreamLanguage.define(parser);

/** The statement around a position: statements are parted by blank lines, as in Kusto's own editors. */
export function statementAt(text: string, position: number): { from: number; to: number } {
  const gap = /\n[ \t]*\n/g;
  let from = 0;
  for (let m = gap.exec(text); m; m = gap.exec(text)) {
    if (m.index >= position) return { from, to: m.index };
    from = m.index + m[0].length;
  }
  return { from, to: text.length };
}

/** Completion by context: operators after a pipe, tables at a start, else columns of the statement's tables and functions. */
export function completion(schema: () => SchemaDatabase | undefined, vocabulary: () => Vocabulary) {
  return autocompletion({
    override: [(context: CompletionContext): CompletionResult | null => {
      const word = context.matchBefore(/[\w-]*/);
      if (!word || (word.from === word.to && !context.explicit)) return null;
      const text = context.state.doc.toString();
      const { from } = statementAt(text, context.pos);
      const before = text.slice(from, word.from).replace(/\/\/[^\n]*/g, "");
      const database = schema();
      const tables: Completion[] = (database?.tables ?? []).map((t) => ({ label: t.name, type: "class", detail: "table" }));
      const stored: Completion[] = (database?.functions ?? []).map((f) => ({ label: f, type: "function", detail: "stored function" }));
      const atStart = /^\s*$|;\s*$|\b(join|union|lookup)\b[^|]*\($/.test(before);
      if (/\|\s*$/.test(before)) {
        return { from: word.from, options: vocabulary().operators.map((o) => ({ label: o, type: "keyword" })) };
      }
      if (atStart) return { from: word.from, options: [...tables, ...stored, { label: "let", type: "keyword" }, { label: "print", type: "keyword" }] };
      const used = (database?.tables ?? []).filter((t) => new RegExp(`(^|[^\\w])${t.name.replace(/\W/g, "\\$&")}([^\\w]|$)`).test(before));
      const columns = new Map<string, Completion>();
      for (const t of used) for (const c of t.columns) columns.set(c.name, { label: c.name, type: "property", detail: c.type, boost: 2 });
      const made: Completion[] = [...before.matchAll(/(\w+)\s*=[^=~]/g)].map((m) => ({ label: m[1]!, type: "variable", boost: 1 }));
      const functions: Completion[] = vocabulary().functions.map((f) => ({ label: f, type: "function", apply: `${f}(` }));
      const aggregates: Completion[] = /\bsummarize\b[^|]*$/.test(before)
        ? vocabulary().aggregates.map((f) => ({ label: f, type: "function", detail: "aggregate", apply: `${f}(`, boost: 1 })) : [];
      return { from: word.from, options: [...columns.values(), ...made, ...aggregates, ...functions, { label: "by", type: "keyword" }] };
    }],
  });
}

interface Refusal { message: string; code: string; line: number; column: number }

/** Marks what the engine refuses, statement by statement; commands are left to Run, which alone can judge them. */
export function marks(database: () => string) {
  return linter(async (view: EditorView): Promise<Diagnostic[]> => {
    const text = view.state.doc.toString();
    const diagnostics: Diagnostic[] = [];
    for (let from = 0; from < text.length;) {
      const { to } = statementAt(text, from);
      const statement = text.slice(from, to);
      const bare = statement.replace(/\/\/[^\n]*/g, "").trim();
      if (bare && !bare.startsWith(".")) {
        const response = await fetch("local/check", {
          method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ db: database(), csl: statement }),
        });
        if (!response.ok) return diagnostics;
        for (const r of (await response.json()) as Refusal[]) {
          const lines = statement.split("\n");
          const line = Math.min(Math.max(r.line, 1), lines.length);
          const start = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0) + Math.max(0, Math.min(r.column, lines[line - 1]!.length));
          const length = /^[\w-]+/.exec(statement.slice(start))?.[0].length ?? 1;
          diagnostics.push({
            from: Math.min(from + start, text.length), to: Math.min(from + start + length, text.length),
            severity: "error", source: r.code, message: r.message,
          });
        }
      }
      const gap = /^\n[ \t]*\n/.exec(text.slice(to));
      from = to + (gap ? gap[0].length : 1);
    }
    return diagnostics;
  }, { delay: 400 });
}
