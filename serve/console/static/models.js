// Which generation is live, what it is made of, and which were before.
import { get, tenant, trying } from "./api.js";
import { $, h, when } from "./dom.js";

trying(async () => {
  const { generations } = await get("generations");
  $("generations").replaceChildren(...(generations.length ? generations.map(show) : [h("p", { class: "empty" }, "None yet: the first begins with the first worker. Start everything with ", h("code", {}, "weft up --data DIR"), ".")]));
});

function show(g) {
  const row = (name, ...value) => [h("dt", {}, name), h("dd", {}, ...value)];
  return h("section", { class: "card generation", "aria-label": g.id },
    h("h2", {}, g.id, g.live && h("span", { class: "state vector" }, "live"), !g.live && h("span", { class: "state" }, "earlier")),
    h("dl", { class: "known" },
      ...row("Photos", g.image.model, g.image.decoder && h("span", { class: "quiet" }, ` · decoder class ${g.image.decoder}`)),
      ...row("Text", g.text.model),
      ...row("Fusion", g.fusion),
      ...row("Dimensions", String(g.dimensions || "–")),
      ...row(g.live ? "Live since" : "Stored", when(g.live && g.live_since ? g.live_since : g.stored))),
    h("details", {}, h("summary", {}, "Fingerprints"), h("p", {}, "photos ", h("code", {}, g.image.recipe)), h("p", {}, "text ", h("code", {}, g.text.recipe))),
    !g.live && g.command && h("p", {}, "To make it live again, type ", h("code", {}, g.command.replace("TENANT", tenant)), "."));
}
