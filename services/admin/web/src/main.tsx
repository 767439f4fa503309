// The page that admin serves to people: which table is late, why, and what to do.

import { effect } from "@preact/signals";
import { render } from "preact";
import { ConnectorPage, Connectors } from "./connector.tsx";
import { EventsPage } from "./events.tsx";
import { time, verdictWord } from "./format.ts";
import { caller, follow as watch, known, lastNews, pipelines, signedOut, stale, trouble } from "./live.ts";
import { NewConnector } from "./newconnector.tsx";
import { Overview, Pipelines } from "./overview.tsx";
import { Pipeline } from "./pipeline.tsx";
import { follow, path, to } from "./route.ts";
import { SignIn, SignOut } from "./signin.tsx";
import { TablePage } from "./table.tsx";
import { Tables } from "./tables.tsx";
import { Workers } from "./workers.tsx";

const sections: [string, string[]][] = [["Overview", []], ["Tables", ["tables"]], ["Pipelines", ["pipelines"]], ["Connectors", ["connectors"]], ["Workers", ["workers"]], ["Events", ["events"]]];

function View() {
  const [first = "", second, third, fourth] = path.value;
  if (first === "pipelines" && second && third === "tables" && fourth) return <TablePage key={fourth} source={second} name={fourth} />;
  if (first === "pipelines" && second) return <Pipeline key={second} source={second} />;
  if (first === "connectors" && second) return <ConnectorPage key={second} name={second} />;
  switch (first) {
    case "": return <Overview />;
    case "tables": return <Tables />;
    case "pipelines": return <Pipelines />;
    case "connectors": return <Connectors />;
    case "new": return <NewConnector />;
    case "workers": return <Workers />;
    case "events": return <EventsPage />;
  }
  return <><h1>There is no such page</h1><p><a href={to()}>Overview</a></p></>;
}

function App() {
  const [first = ""] = path.value;
  return (
    <>
      <a class="skip" href="#main">Skip to the content</a>
      <header class="top">
        <a class="brand" href={to()}>Calypso</a>
        <nav aria-label="Views">{sections.map(([name, at]) => <a key={name} href={to(...at)} aria-current={first === (at[0] ?? "") ? "page" : undefined}>{name}</a>)}</nav>
        <span class="grow" />
        {caller.value.ways.length > 0 && !signedOut.value && <SignOut />}
      </header>
      {stale.value && !signedOut.value && <p class="stale" role="alert">No news since {lastNews.value === undefined ? "this page was opened" : time(lastNews.value)}{trouble.value && `: ${trouble.value}`}. What is shown is old; the page asks again by itself.</p>}
      <main id="main" tabIndex={-1} class={stale.value && !signedOut.value ? "old" : undefined}>{signedOut.value ? <SignIn /> : known.value || trouble.value ? <View /> : null}</main>
      <div class="unseen" aria-live="polite" id="changes" />
    </>
  );
}

document.addEventListener("click", follow);
render(<App />, document.getElementById("app")!);
void watch();

// Changes of verdicts, and nothing else, are told to those who do not see them.
let before = new Map<string, string>();
effect(() => {
  const changes: string[] = [];
  const after = new Map([...pipelines.value].map(([source, p]) => [source, verdictWord(p.verdict)]));
  for (const [source, verdict] of after) if (before.has(source) && before.get(source) !== verdict) changes.push(`${source} is ${verdict}`);
  before = after;
  const live = document.getElementById("changes");
  if (live && changes.length > 0) live.textContent = changes.slice(0, 5).join(", ");
});
effect(() => { document.title = ["Calypso", ...path.value.slice(-1)].reverse().join(" · "); });
