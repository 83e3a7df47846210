// The reports that commands have published.
import { get, page, part, trying } from "./api.js";
import { $, bytes, h, when } from "./dom.js";

const kinds = { data: "Data", training: "Training", evaluation: "Evaluation", profile: "Profiles" };

trying(async () => {
  const { reports } = await get("reports");
  $("reports").replaceChildren(reports.length === 0
    ? h("div", { class: "empty" }, h("p", {}, "None yet. These commands put one here:"), h("p", {}, h("code", {}, "weft data report --data DIR --publish")), h("p", {}, h("code", {}, "weft reports add --kind evaluation evaluation.html --data DIR")))
    : h("div", { class: "card" }, h("table", {}, h("thead", {}, h("tr", {}, ...["Report", "Kind", "Written", "Size"].map((t, i) => h("th", { scope: "col", class: i === 3 && "n" }, t)))),
      h("tbody", {}, ...reports.map((r) => h("tr", {}, h("td", {}, h("a", { href: page(`reports/${part(r.name)}`) }, r.name)), h("td", {}, kinds[r.kind] ?? r.kind), h("td", {}, when(r.written)), h("td", { class: "n" }, bytes(r.bytes))))))));
});
