// --- The address keeps the state: #SECTION?q=…&line=…&own=…

function addressed() {
  const query = new URLSearchParams();
  const put = (name, value, usual = "") => value !== usual && query.set(name, value);
  put("q", search.value);
  put("data", filter.elements.data.value);
  put("unit", filter.elements.unit.value, "accuracy");
  put("every", filter.elements.every.checked ? "1" : "");
  const off = [...filter.querySelectorAll("[name=training]:not(:checked)")].map((box) => box.value);
  put("hide", off.join(" "));
  put("line", state.choice, DEFAULT);
  put("sort", (state.descending ? "-" : "") + state.sort, "-all");
  put("chosen", state.chosen);
  for (const { name, accuracy } of state.own) {
    const known = sets.filter((key) => accuracy[key] !== null).map((key) => `${key}:${accuracy[key]}`);
    query.append("own", [...known, `name:${name}`].join(";"));
  }
  return query.toString();
}

const sectionOf = () => location.hash.slice(1).split("?")[0];

function remember() {
  const query = addressed();
  const section = sectionOf();
  const hash = query ? `#${section || "models"}?${query}` : section && section !== "models" ? `#${section}` : "";
  if (hash !== location.hash) history.replaceState(null, "", hash || location.pathname + location.search);
}

// Return an own model of the address; none if the link was cut.
function readOwn(text) {
  const [known, name] = text.split(/;name:(.*)$/s);
  const pairs = known.split(";").map((pair) => pair.split(":"));
  return name ? [ownModel(name, Object.fromEntries(pairs.map(([key, value]) => [key, Number(value)])))] : [];
}

// Take the state from the address. A link within the page has none, and the page keeps its own.
function restore(changed = false) {
  const [section, text] = location.hash.slice(1).split(/\?(.*)/s);
  if (changed && text === undefined) {
    remember();
    return;
  }
  const query = new URLSearchParams(text ?? "");
  const pick = (field, name) => {
    const wanted = query.get(name) ?? "";
    field.value = [...field.options].some((option) => option.value === wanted) ? wanted : field.options[0].value;
  };
  search.value = query.get("q") ?? "";
  pick(filter.elements.data, "data");
  pick(filter.elements.unit, "unit");
  filter.elements.every.checked = query.get("every") === "1";
  const off = (query.get("hide") ?? "").split(" ");
  for (const box of filter.querySelectorAll("[name=training]")) box.checked = !off.includes(box.value);
  pick(filter.elements.line, "line");
  state.choice = filter.elements.line.value;
  const sort = query.get("sort") ?? "-all";
  const key = sort.replace(/^-/, "");
  const sortable = [...table.querySelectorAll("[data-sort]")].some((head) => head.dataset.sort === key);
  [state.sort, state.descending] = sortable ? [key, sort.startsWith("-")] : ["all", true];
  state.chosen = query.get("chosen") ?? "";
  state.own = query.getAll("own").flatMap(readOwn);
  if (state.own.length) find("#own").open = true;
  refresh();
  if (text !== undefined) document.getElementById(section)?.scrollIntoView();
  bringChosenIntoView();
}

// --- Downloads

function download(name, type, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// What the table shows, in full precision, with the line that it was read from.
function tableText() {
  const digits = (value) => (value == null ? "" : String(Math.round(value * 1e4) / 1e4));
  const columns = [
    ["model", (m) => m.name],
    ["training", (m) => trainings[m.training] ?? "own"],
    ["pretraining_data", (m) => m.data],
    ["rank", (m) => m.rank ?? ""],
    ["imagenet", (m) => digits(m.accuracy.imagenet)],
    ...shiftKeys.map((shift) => [shift, (m) => digits(m.accuracy[shift])]),
    ...shiftKeys.map((shift) => [`robustness_${shift}`, (m) => digits(m.robustness[shift])]),
    ...MEAN_COLUMNS.flatMap((mean) => [
      [`mean_${mean}`, (m) => digits(m.means[mean])],
      [`low_${mean}`, (m) => digits(intervalOf(m, mean)?.[0])],
      [`high_${mean}`, (m) => digits(intervalOf(m, mean)?.[1])],
    ]),
    ["extrapolated", (m) => m.extrapolated.join(" ")],
    ["line", () => choices[state.choice].label],
    ["source", (m) => (m.source === null ? "" : sources[m.source].url)],
  ];
  const quoted = (value) => (/[",\n\r]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  const rows = [...shown, ...state.own].sort((one, other) => compare(one, other, state.sort));
  return [columns.map(([name]) => name), ...rows.map((m) => columns.map(([, cell]) => quoted(cell(m))))]
    .map((cells) => `${cells.join(",")}\n`)
    .join("");
}

const ACTS = {
  csv: () => download("published_models.csv", "text/csv", tableText()),
  svg: async () => download("published_models.svg", "image/svg+xml", await figureText()),
  link: async (button) => {
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = "Copied";
    } catch {
      prompt("The address of what you see:", location.href);
    }
  },
};
for (const button of document.querySelectorAll("[data-act]")) {
  button.addEventListener("click", () => ACTS[button.dataset.act](button));
}
