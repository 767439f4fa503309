// The query editor: CodeMirror with KQL, one editor on the page.

import { closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";

import type { SchemaDatabase } from "./api";
import { completion, kql, marks, statementAt, type Vocabulary } from "./language";

// Colours come from style.css's variables, so that light and dark follow the page.
const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--code-keyword)" },
  { tag: tags.string, color: "var(--code-string)" },
  { tag: tags.number, color: "var(--code-number)" },
  { tag: tags.comment, color: "var(--code-comment)", fontStyle: "italic" },
  { tag: tags.function(tags.variableName), color: "var(--code-function)" },
  { tag: tags.operator, color: "var(--code-operator)" },
]);

export interface EditorOptions {
  text: string;
  database(): string;
  schema(): SchemaDatabase | undefined;
  vocabulary(): Vocabulary;
  run(): void;
  changed(text: string): void;
}

export interface Editor {
  readonly element: HTMLElement;
  /** The selection, or the statement that the cursor is in. */
  statement(): string;
  text(): string;
  set(text: string): void;
  insert(text: string): void;
  focus(): void;
}

export function makeEditor(options: EditorOptions): Editor {
  const run = () => { options.run(); return true; };
  const view = new EditorView({
    state: EditorState.create({
      doc: options.text,
      extensions: [
        lineNumbers(), history(), drawSelection(), bracketMatching(), closeBrackets(), highlightActiveLine(),
        highlightSelectionMatches(), indentUnit.of("    "), lintGutter(), kql, syntaxHighlighting(colours),
        completion(options.schema, options.vocabulary), marks(options.database),
        placeholder("Orders | summarize count() by city | render columnchart"),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": "KQL editor; Shift+Enter runs the statement at the cursor" }),
        EditorView.updateListener.of((u) => { if (u.docChanged) options.changed(u.state.doc.toString()); }),
        keymap.of([
          { key: "Shift-Enter", run }, { key: "Mod-Enter", run }, { key: "F5", run },
          ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap,
        ]),
      ],
    }),
  });
  const replace = (from: number, to: number, text: string) =>
    view.dispatch({ changes: { from, to, insert: text }, selection: { anchor: from + text.length } });
  return {
    element: view.dom,
    statement() {
      const { from, to, head } = view.state.selection.main;
      if (from !== to) return view.state.sliceDoc(from, to);
      const text = view.state.doc.toString();
      const at = statementAt(text, head);
      return text.slice(at.from, at.to).trim();
    },
    text: () => view.state.doc.toString(),
    set: (text) => replace(0, view.state.doc.length, text),
    insert: (text) => { const { from, to } = view.state.selection.main; replace(from, to, text); view.focus(); },
    focus: () => view.focus(),
  };
}
