// The services and whether they answer.

import type { ServiceHealth, Verdict } from "./api.ts";
import { useAsked } from "./live.ts";
import { Table, Trouble, VerdictBadge } from "./parts.tsx";

export function Workers() {
  const asked = useAsked<{ verdict: Verdict; reason: string; services: ServiceHealth[] }>("/v1/health", 3000);
  return (
    <>
      <h1>Workers</h1>
      <Trouble error={asked.error} />
      {asked.answer && <>
        <p><VerdictBadge verdict={asked.answer.verdict} /> {asked.answer.reason}</p>
        <Table<ServiceHealth> id="w" caption="Services" rows={asked.answer.services} rowKey={(s) => s.service + s.address} text={(s) => `${s.service} ${s.address} ${s.detail}`} empty=""
          columns={[
            { name: "Service", by: (s) => s.service, cell: (s) => s.service }, { name: "Address", by: (s) => s.address, cell: (s) => s.address },
            { name: "Answers", by: (s) => (s.serving ? 1 : 0), cell: (s) => <span class={`badge ${s.serving ? "healthy" : "broken"}`}><span aria-hidden="true">{s.serving ? "✓" : "✕"}</span> {s.serving ? "serves" : "does not serve"}</span> },
            { name: "Detail", cell: (s) => s.detail },
          ]} />
      </>}
    </>
  );
}
