// --- The address keeps the state: #SECTION?q=…&line=…&own=…

function addressed() {
  const query = new URLSearchParams();
  const put = (name, value, usual = "") => value !== usual && query.set(name, value);
  put("q", search.value);
  put("data", filter.elements.data.value);
  put("unit", filter.elements.unit.value, "accuracy");
  put("every", filter.elements.every.checked ? "1" : "");
  put("hide", [...filter.querySelectorAll("[name=training]:not(:checked)")].map((box) => box.value).join(" "));
  put("line", state.choice, DEFAULT);
  put("sort", (state.descending ? "-" : "") + state.sort, "-all");
  put("all", state.all ? "1" : "");
  put("chosen", state.chosen);
  for (const { name, accuracy } of state.own) {
    const known = sets.filter((key) => accuracy[key] !== null).map((key) => `${key}:${accuracy[key]}`);
    query.append("own", [...known, `name:${name}`].join(";"));
  }
  return query.toString();
}

function remember() {
  const query = addressed();
  const section = location.hash.slice(1).split("?")[0];
  const hash = query ? `#${section || "models"}?${query}` : section && section !== "models" ? `#${section}` : "";
  if (hash !== location.hash) history.replaceState(null, "", hash || location.pathname + location.search);
}

// Return an own model of the address; none if the link was cut.
function readOwn(text) {
  const [known, name] = text.split(/;name:(.*)$/s);
  const given = Object.fromEntries(known.split(";").map((pair) => pair.split(":")));
  const accuracy = byTestSet(sets.map((key) => (key in given ? Number(given[key]) : null)));
  return name && accuracy.imagenet !== null ? [ownModel(name, accuracy)] : [];
}

// Take the state from the address. A link within the page has none, and the page keeps its own.
function restore(changed = false) {
  const [section, text] = location.hash.slice(1).split(/\?(.*)/s);
  if (changed && text === undefined) {
    remember();
    return;
  }
  const query = new URLSearchParams(text ?? "");
  const { data: pretraining, unit, line, every } = filter.elements;
  for (const field of [pretraining, unit, line]) {
    const wanted = [...field.options].find((option) => option.value === query.get(field.name));
    field.value = (wanted ?? field.options[0]).value;
  }
  search.value = query.get("q") ?? "";
  every.checked = query.get("every") === "1";
  const off = (query.get("hide") ?? "").split(" ");
  for (const box of filter.querySelectorAll("[name=training]")) box.checked = !off.includes(box.value);
  const sort = query.get("sort") ?? "-all";
  const known = table.querySelector(`[data-sort="${CSS.escape(sort.replace(/^-/, ""))}"]`);
  Object.assign(state, {
    choice: line.value,
    sort: known?.dataset.sort ?? "all",
    descending: !known || sort.startsWith("-"),
    all: query.get("all") === "1",
    chosen: query.get("chosen") ?? "",
    own: query.getAll("own").flatMap(readOwn),
  });
  if (state.own.length) find("#own").open = true;
  refresh();
  if (text !== undefined) document.getElementById(section)?.scrollIntoView();
  centre(chosenRow());
}

// --- Downloads

function download(name, type, content) {
  const href = URL.createObjectURL(new Blob([content], { type }));
  Object.assign(document.createElement("a"), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}

// All models that the search and the filters leave, with the line that their robustness was read from.
function tableText() {
  const digits = (value) => (value == null ? "" : String(Math.round(value * 1e4) / 1e4));
  const record = (m) => ({
    model: m.name,
    training: trainings[m.training] ?? "own",
    pretraining_data: m.data,
    rank: m.rank ?? "",
    ...Object.fromEntries(sets.map((key) => [key, digits(m.accuracy[key])])),
    ...Object.fromEntries(shiftKeys.map((shift) => [`robustness_${shift}`, digits(m.robustness[shift])])),
    ...Object.fromEntries(Object.keys(MEANS).flatMap((mean) => [
      [`mean_${mean}`, digits(m.means[mean])],
      [`low_${mean}`, digits(intervalOf(m, mean)?.[0])],
      [`high_${mean}`, digits(intervalOf(m, mean)?.[1])],
    ])),
    extrapolated: m.extrapolated.join(" "),
    line: choices[state.choice].label,
    source: sources[m.source]?.url ?? "",
  });
  const quoted = (value) => (/[",\n\r]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  const rows = shown.map(record);
  const header = Object.keys(record(models[0]));
  return [header, ...rows.map(Object.values)].map((cells) => `${cells.map(quoted).join(",")}\n`).join("");
}

find("[data-act=csv]").addEventListener("click", () => download("published_models.csv", "text/csv", tableText()));
find("[data-act=svg]").addEventListener("click", async () => {
  download("published_models.svg", "image/svg+xml", await chart.toSvg(shiftKeys.length));
});
