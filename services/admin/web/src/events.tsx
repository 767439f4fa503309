// Who did what, and what happened.

import type { Event } from "./api.ts";
import { part } from "./api.ts";
import { time } from "./format.ts";
import { useAsked } from "./live.ts";
import { Table, Trouble } from "./parts.tsx";
import { query, to } from "./route.ts";

export function Events({ events }: { events: Event[] }) {
  return (
    <Table<Event> id="e" caption="Events, newest first" rows={events} rowKey={(e) => `${e.time} ${e.action} ${e.connector} ${e.actor} ${e.detail}`} text={(e) => `${e.actor} ${e.action} ${e.connector} ${e.detail} ${e.error}`} empty="Nothing has happened yet."
      columns={[
        { name: "When", by: (e) => e.time ?? "", cell: (e) => <time dateTime={e.time ?? ""}>{time(e.time)}</time> },
        { name: "Who", by: (e) => e.actor, cell: (e) => e.actor },
        { name: "What", by: (e) => e.action, cell: (e) => e.action.replace(/(?<=[a-z])([A-Z])/g, (c) => ` ${c.toLowerCase()}`) },
        { name: "Connector", by: (e) => e.connector, cell: (e) => e.connector && <a href={to("connectors", e.connector)}>{e.connector}</a> },
        { name: "Detail", cell: (e) => <>{e.error && <span class="trouble">refused: {e.error}</span>}{e.detail && <pre class="detail">{e.detail}</pre>}</> },
      ]} />
  );
}

export function EventsPage() {
  const connector = query.value.get("connector");
  const asked = useAsked<{ events: Event[] }>(`/v1/events?page_size=500${connector ? `&connectors=${part(connector)}` : ""}`, 5000);
  return <><h1>Events{connector ? ` of ${connector}` : ""}</h1><Trouble error={asked.error} />{asked.answer && <Events events={asked.answer.events} />}</>;
}
