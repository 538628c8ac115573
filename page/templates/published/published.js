// The page of published models: sorting, filters and search, the chart that is linked with the
// table, and the reader's own model. Without it, the page's table and drawing stay as they are.
(() => {
  "use strict";
  const section = document.getElementById("published-models");
  const { shifts, trainings, groups, lines, models: rows, drawn } = JSON.parse(
    document.getElementById("published-numbers").textContent,
  );
  const keys = Object.keys(shifts);
  const shared = keys.filter((key) => key !== "objectnet");
  const OWN = "your model";
  // A range is known to six decimals of a fraction, as `LogitLine.is_extrapolated` takes it.
  const ROUNDING = 1e-6;

  // --- Effective robustness, as interpreting_clip/measures/effective_robustness.py computes it

  function expected(line, imagenet) {
    const share = imagenet / 100;
    const rise = line.slope === 0 ? 0 : line.slope * (Math.log(share) - Math.log1p(-share));
    return 100 / (1 + Math.exp(-(rise + line.intercept)));
  }

  function robustness(shift, imagenet, accuracy) {
    return accuracy - expected(lines[shift], imagenet);
  }

  function isExtrapolated(shift, imagenet) {
    const { low, high } = lines[shift];
    return imagenet / 100 < low - ROUNDING || imagenet / 100 > high + ROUNDING;
  }

  function mark(extrapolated) {
    return extrapolated ? "‡" : "";
  }

  // Return the mean effective robustness over some shifts, null where one was not measured.
  function meanOver(model, some) {
    if (!some.length || some.some((key) => model.robustness[key] === null)) return null;
    return some.reduce((sum, key) => sum + model.robustness[key], 0) / some.length;
  }

  function newModel(name, training, data, accuracies, five, four, listed, rank, ...aliases) {
    const accuracy = Object.fromEntries(
      ["imagenet", ...keys].map((key, i) => [key, accuracies[i] ?? null]),
    );
    const known = (key) => accuracy[key] !== null;
    const model = { name, training, data, accuracy, listed: Boolean(listed), rank };
    model.robustness = Object.fromEntries(
      keys.map((key) => [key, known(key) ? robustness(key, accuracy.imagenet, accuracy[key]) : null]),
    );
    model.extrapolated = keys.filter((key) => known(key) && isExtrapolated(key, accuracy.imagenet));
    model.five = { mean: meanOver(model, keys), ends: five };
    model.four = { mean: meanOver(model, shared), ends: four };
    model.text = [name, ...aliases, data, trainings[training] ?? ""].join(" ").toLowerCase();
    return model;
  }

  const models = rows.map((row) => newModel(...row));
  // What the table of the page lists; the other supervised models are shown on demand.
  const listed = models.filter((model) => model.training !== "supervised" || model.listed);

  // --- The chart

  function point(model, key) {
    return {
      kind: "encoder",
      rev: "",
      label: model.name,
      training: groups[model.training] ?? OWN,
      data: model.data,
      shift: shifts[key],
      imagenet: model.accuracy.imagenet,
      accuracy: model.accuracy[key],
      effective_robustness: model.robustness[key],
      extrapolated: mark(model.extrapolated.includes(key)),
      mean_of_five: model.five.mean,
      mean_of_four: model.four.mean,
    };
  }

  const background = Object.entries(drawn).flatMap(([kind, marks]) =>
    marks.map(([label, shift, imagenet, accuracy]) => {
      const training = kind === "standard" ? "standard models" : "";
      const data = kind === "standard" ? "ImageNet" : "";
      return { kind, rev: "", label, shift, imagenet, accuracy, training, data };
    }),
  );

  // Later points lie on top: zero-shot models on supervised ones, the reader's own on all.
  function points(some) {
    return [
      ...background,
      ...[...some].reverse().flatMap((model) =>
        keys.filter((key) => model.accuracy[key] !== null).map((key) => point(model, key)),
      ),
    ];
  }

  // Return the rows of one panel, which has the name of its shift as a title.
  function pointsOf(shift, some) {
    return points(some).filter((row) => row.shift === shift);
  }

  // The page has each model's numbers once: the chart's rows are made of them before it is drawn.
  const holder = document.getElementById("spec-published");
  const panelled = JSON.parse(holder.textContent);
  for (const panel of panelled.panels) panel.values = pointsOf(panel.title, listed);
  holder.textContent = JSON.stringify(panelled);

  // --- State, and what is shown of it

  const filter = document.getElementById("published-filter");
  const search = filter.querySelector("input[type=search]");
  const table = document.getElementById("published-table");
  const body = table.tBodies[0];
  const count = document.getElementById("published-count");
  const unit = document.getElementById("published-unit");
  const state = { sort: "five", descending: true, chosen: "", own: null };
  let chart = null;

  // Write a number as the page does: one decimal, a true minus, a dash where there is none.
  function number(value) {
    if (value === null) return "–";
    return value.toFixed(1).replace(/^-0\.0$/, "0.0").replace("-", "−");
  }

  // Say whether a mean, over all five shifts or over four, is read from an extrapolated line.
  function isBeyond(model, mean) {
    return model.extrapolated.some((key) => mean === "five" || shared.includes(key));
  }

  function meanText({ mean, ends }, extrapolated) {
    if (mean === null) return "–";
    const interval = ends ? ` [${number(ends[0])}, ${number(ends[1])}]` : "";
    return number(mean) + interval + mark(extrapolated);
  }

  function shiftText(model, key) {
    if (unit.elements.unit.value === "accuracy") return number(model.accuracy[key]);
    return number(model.robustness[key]) + mark(model.extrapolated.includes(key));
  }

  function newRow(model) {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = model.name;
    row.append(name);
    const cells = [
      model.rank ?? "–",
      trainings[model.training] ?? "–",
      model.data || "–",
      number(model.accuracy.imagenet),
      ...keys.map((key) => shiftText(model, key)),
      meanText(model.five, isBeyond(model, "five")),
      meanText(model.four, isBeyond(model, "four")),
    ];
    cells.forEach((text, i) => {
      const cell = row.insertCell();
      cell.textContent = text;
      if (i === 1 || i === 2) cell.className = "text";
    });
    return row;
  }

  // Give a model its row: that of the page, or a new one. Its name becomes a button for the keyboard.
  function attach(model, row) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = model.name;
    button.setAttribute("aria-pressed", "false");
    row.cells[0].replaceChildren(button);
    row.addEventListener("click", () => choose(model.name === state.chosen ? "" : model.name));
    model.row = row;
    return row;
  }

  function withRows() {
    return [...models, state.own].filter((model) => model?.row);
  }

  function isMean(key) {
    return key === "five" || key === "four";
  }

  function sortValue(model, key) {
    if (isMean(key)) return model[key].mean;
    if (key === "rank") return model.rank;
    if (key === "imagenet") return model.accuracy.imagenet;
    if (keys.includes(key)) return model[unit.elements.unit.value][key];
    return key === "training" ? (trainings[model.training] ?? "") : model[key];
  }

  // Order two models by the column that is sorted. Either way, what has no number stands last, and
  // a mean that is read from an extrapolated line after the others; what lacks the mean over five
  // shifts is ordered by that over four.
  function compare(one, other, key) {
    const [a, b] = [sortValue(one, key), sortValue(other, key)];
    if (a === null && b === null && key === "five") return compare(one, other, "four");
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    if (isMean(key)) {
      const beyond = isBeyond(one, key) - isBeyond(other, key);
      if (beyond) return beyond;
    }
    const order = typeof a === "string" ? a.localeCompare(b, "en") : a - b;
    return state.descending ? -order : order;
  }

  function everyModel() {
    return filter.elements.every.checked ? models : listed;
  }

  function shownModels() {
    const chosenGroups = [...filter.querySelectorAll("[name=group]:checked")].map((box) => box.value);
    const words = search.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    const data = filter.elements.data.value;
    return everyModel().filter(
      (model) =>
        chosenGroups.includes(groups[model.training]) &&
        (!data || model.data === data) &&
        words.every((word) => model.text.includes(word)),
    );
  }

  function show() {
    const every = everyModel();
    const shown = shownModels();
    const ranking = state.own ? [...shown, state.own] : [...shown];
    body.replaceChildren(
      ...ranking
        .sort((one, other) => compare(one, other, state.sort))
        .map((model) => model.row ?? attach(model, newRow(model))),
    );
    count.textContent = `${shown.length} of ${every.length} models`;
    for (const head of table.querySelectorAll("[data-sort]")) {
      const sorted = head.dataset.sort === state.sort;
      head.setAttribute("aria-sort", !sorted ? "none" : state.descending ? "descending" : "ascending");
    }
    const visible = new Set(shown);
    state.hidden = every.filter((model) => !visible.has(model)).map((model) => model.name);
    highlight();
  }

  // Mark the chosen model's row and points, and leave out of the chart what the filters leave out.
  function highlight() {
    for (const model of withRows()) {
      const chosen = model.name === state.chosen;
      model.row.classList.toggle("chosen", chosen);
      model.row.querySelector("button").setAttribute("aria-pressed", String(chosen));
    }
    chart?.signal("chosen", state.chosen);
    chart?.signal("hidden", state.hidden);
  }

  function choose(name) {
    state.chosen = name;
    highlight();
  }

  // Bring a row to the middle of the table's box; the page itself stays where it is.
  function centre(row) {
    const box = table.parentElement;
    const [inner, outer] = [row.getBoundingClientRect(), box.getBoundingClientRect()];
    box.scrollTop += inner.top - outer.top - outer.height / 2;
  }

  function bringChosenIntoView() {
    const model = withRows().find((one) => one.name === state.chosen);
    if (model) centre(model.row);
  }

  // Mark what was clicked in the chart, and bring its row into sight, no further than needed.
  function chooseFromChart(name) {
    choose(name);
    const model = withRows().find((one) => one.name === name);
    if (!model) return;
    centre(model.row);
    model.row.scrollIntoView({ block: "nearest" });
  }

  function redraw() {
    const drawn = [...(state.own ? [state.own] : []), ...everyModel()];
    chart?.setRows((shift) => pointsOf(shift, drawn));
    show();
  }

  async function link() {
    try {
      chart = await window.charts.published();
    } catch {
      return; // without Vega the drawing stays, and the table does without a chart
    }
    chart.onClick((row) => {
      const known = ["encoder", "standard"].includes(row?.kind);
      chooseFromChart(known ? row.label : "");
    });
    redraw();
  }

  // --- The reader's own model

  const form = document.getElementById("own-model");
  const labels = { imagenet: "ImageNet", ...shifts };

  // Return what is wrong with an input, or nothing.
  function wrong(input) {
    const percent = Number(input.value);
    if (input.validity.badInput) return "expected a number from 0 to 100";
    if (!input.value) return "";
    if (!(percent >= 0 && percent <= 100)) {
      return `expected a percentage from 0 to 100, got ${input.value}`;
    }
    // A standard model scores less than 1 % on ImageNet-A alone.
    if (percent > 0 && percent < 1 && input.name !== "imagenet_a") {
      return `expected percent, not a fraction; is it ${Number((100 * percent).toPrecision(6))}?`;
    }
    return "";
  }

  function readOwn() {
    const inputs = ["imagenet", ...keys].map((key) => form.elements[key]);
    const faulty = inputs.find(wrong);
    form.querySelector(".wrong").textContent = faulty ? `${labels[faulty.name]}: ${wrong(faulty)}` : "";
    const accuracies = inputs.map((input) => (input.value ? Number(input.value) : null));
    const enough = accuracies[0] !== null && accuracies.slice(1).some((value) => value !== null);
    state.own = faulty || !enough ? null : newModel(OWN, "own", "", accuracies, null, null, true, null);
    if (state.own) {
      const row = newRow(state.own);
      row.className = "own";
      attach(state.own, row);
    } else if (state.chosen === OWN) {
      state.chosen = "";
    }
    redraw();
    answer();
    if (state.own) centre(state.own.row);
  }

  // Say how robust the reader's model is, and how many of the ranked zero-shot models are more so.
  function answer() {
    const output = form.querySelector(".answer");
    const own = state.own;
    if (!own) {
      const started = [...form.elements].some((input) => input.value);
      output.textContent = started ? "Give the accuracy on ImageNet and on at least one shift." : "";
      return;
    }
    const measured = keys.filter((key) => own.robustness[key] !== null);
    const each = measured.map((key) => {
      return `${shifts[key]} ${number(own.robustness[key])}${mark(own.extrapolated.includes(key))}`;
    });
    const mean = meanOver(own, measured);
    const others = models
      .filter((model) => model.rank !== null)
      .map((model) => meanOver(model, measured))
      .filter((value) => value !== null);
    const above = others.filter((value) => value > mean).length;
    const below = others.filter((value) => value < mean).length;
    const over = measured.length === 1 ? "on this shift" : `by the mean over these ${measured.length} shifts`;
    const outside = own.extrapolated.length > 0;
    const ranked = `${others.length} zero-shot models within the standard models' range`;
    let place = `Of the ${ranked}, ${above} are more robust ${over}.`;
    if (below === others.length) place = `It is above all ${ranked} ${over}.`;
    if (above === others.length) place = `It is below all ${ranked} ${over}.`;
    output.textContent = [
      `Effective robustness in points: ${each.join(", ")}; mean ${number(mean)}${mark(outside)}.`,
      others.length ? place : "",
      outside ? "‡ The line is extrapolated: no standard model has a similar ImageNet accuracy." : "",
      "The star in the chart is your model.",
    ].join(" ");
  }

  // --- Start

  for (const head of table.querySelectorAll("[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => {
      const key = head.dataset.sort;
      const upwards = ["name", "training", "data", "rank"].includes(key);
      state.descending = state.sort === key ? !state.descending : !upwards;
      state.sort = key;
      show();
    });
    head.replaceChildren(button);
  }
  [...body.rows].forEach((row, i) => attach(listed[i], row));

  filter.addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("input", (event) => {
    if (event.target.name === "every") return redraw();
    if (event.target === search) {
      const words = search.value ? `?q=${encodeURIComponent(search.value)}` : "";
      history.replaceState(null, "", `#published-models${words}`);
    }
    show();
    // Whose search is over wants to see what was marked.
    if (event.target === search && !search.value) bringChosenIntoView();
  });
  unit.addEventListener("submit", (event) => event.preventDefault());
  unit.addEventListener("input", (event) => {
    const head = table.querySelector("[data-robustness]");
    head.textContent = head.dataset[event.target.value];
    for (const model of withRows()) {
      keys.forEach((key, i) => (model.row.cells[5 + i].textContent = shiftText(model, key)));
    }
    show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", readOwn);
  form.addEventListener("reset", () => setTimeout(readOwn));

  // #published-models?q=datacomp opens the page with a search.
  const [hash, query] = location.hash.split("?");
  const words = new URLSearchParams(query).get("q");
  if (hash === "#published-models" && words) {
    search.value = words;
    section.scrollIntoView();
  }
  filter.hidden = unit.hidden = form.hidden = false;
  show();
  addEventListener("load", link); // charts.js, which draws the charts, has run by then
  window.published = { robustness, isExtrapolated };
})();
