// Which generation is live, what it is made of, and which were before.
import { get, tenant, trying } from "./api.js";
import { $, h, when } from "./dom.js";

trying(async () => {
  const { generations } = await get("generations");
  $("generations").replaceChildren(...(generations.length ? generations.map(show) : [h("p", { class: "empty" }, "None yet: the first begins with the first worker. Start everything with ", h("code", {}, "weft up --data DIR"), ".")]));
});

function show(g) {
  const row = (name, ...value) => [h("dt", {}, name), h("dd", {}, ...value)], { image = {}, text = {}, fusion, towers } = g.spec;
  const size = (fusion?.blocks ?? []).reduce((n, b) => n + (b.out ?? 0), 0);
  return h("section", { class: "card generation", "aria-label": g.id },
    h("h2", {}, g.id, h("span", { class: g.live ? "state vector" : "state" }, g.live ? "live" : "earlier")),
    h("dl", { class: "known" },
      ...row("Photos", image.model ?? "–", image.decoder && h("span", { class: "quiet" }, ` · decoder class ${image.decoder}`)),
      ...row("Text", text.model ?? "–"),
      ...row("Fusion", towers ? `trained towers ${towers.model ?? ""}` : "concatenation, untrained", (towers?.dim ?? size) > 0 && h("span", { class: "quiet" }, ` · ${towers?.dim ?? size} dimensions`)),
      ...row(g.live ? "Live since" : "Stored", when(g.live_since ?? g.stored))),
    h("details", {}, h("summary", {}, "All that it pins"), h("pre", { tabindex: 0 }, JSON.stringify(g.spec, null, 2))),
    !g.live && h("p", {}, "To make it live again, type ", h("code", {}, `weft models promote ${towers?.model ?? "--back"} --tenant ${tenant}`), " with the place of the bucket."));
}
