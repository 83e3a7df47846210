// One report, in a frame that runs no script and reaches nothing.
import { id, part, raw, trying } from "./api.js";
import { $ } from "./dom.js";

trying(async () => {
  const body = await (await raw(`reports/${part(id)}`)).text();
  $("frame").src = URL.createObjectURL(new Blob([body], { type: "text/html" }));
});
