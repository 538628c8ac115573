// The page of published models: the table and the chart follow the search, the filters and the choice of
// the line; the reader's own models stand among the others; the address keeps all of it. Without this
// script the page's table, drawings and texts are those of the default line.
"use strict";
(() => {
{% include "lines.js" %}

const { trainings, sources, standard, labels } = data;
const OWN = "your models";
const find = (selector, from = document) => from.querySelector(selector);
const filter = find("#filter");
const table = find("#published-table");
const body = table.tBodies[0];
const search = filter.elements.q;
const FIRST = { sort: "all", descending: true, chosen: "", choice: DEFAULT };
const state = { ...FIRST, own: [] };

{% include "search.js" %}

// --- Models

function newModel([name, source, training, pretraining, values, listed, size, ...others]) {
  const accuracy = Object.fromEntries(sets.map((key, i) => [key, values[i] ?? null]));
  const group = trainings[training];
  const text = searchText([name, ...others, pretraining, group, source, sources[source].title, size]);
  return { name, source, training, data: pretraining, accuracy, listed: Boolean(listed), size, text };
}

const models = data.models.map(newModel);

// Compute what a model is under the line in use; its intervals when they are asked for.
function judge(model) {
  const { robustness, extrapolated } = place(state.choice, model.accuracy);
  Object.assign(model, { robustness, extrapolated, draws: null, intervals: {}, means: {}, rank: null });
  for (const mean of Object.keys(MEANS)) {
    model.means[mean] = meanOver(robustness, shiftsOf(state.choice, mean));
  }
}

function intervalOf(model, mean) {
  if (model.means[mean] === null) return null;
  model.draws ??= drawn(state.choice, model.accuracy, Object.keys(model.robustness));
  model.intervals[mean] ??= ends(drawnMean(model.draws, shiftsOf(state.choice, mean)));
  return model.intervals[mean];
}

function isBeyond(model, mean) {
  return model.extrapolated.some((shift) => MEANS[mean](shift));
}

// Rank the zero-shot models to which no line is extrapolated.
function judgeAll() {
  for (const model of [...models, ...state.own]) judge(model);
  const ranked = models
    .filter((model) => model.training === "zero_shot" && model.means.all !== null && !model.extrapolated.length)
    .sort((a, b) => b.means.all - a.means.all || (a.name < b.name ? -1 : 1));
  ranked.forEach((model, i) => (model.rank = i + 1));
}

// --- Texts, as the page writes them: a true minus, a dash where there is none

function number(value, digits = 1) {
  if (value == null) return "–";
  // Python rounds an exact half to the even digit, toFixed away from zero.
  const isHalf = digits === 1 && (value * 4) % 1 === 0 && (value * 2) % 1 !== 0;
  const near = isHalf ? (2 * Math.round(value * 5)) / 10 : value;
  return near.toFixed(digits).replace(/^-(0\.0*)$/, "$1").replace("-", "−");
}

const mark = (extrapolated) => (extrapolated ? "‡" : "");

const bracketed = (interval) => (interval ? ` [${number(interval[0])}, ${number(interval[1])}]` : "");

// A mean with its interval. One of the reader's own models has it over what was measured, and says so.
function meanText(model, mean) {
  const all = shiftsOf(state.choice, mean);
  const over = all.filter((shift) => model.robustness[shift] !== undefined);
  const part = over.length < all.length;
  if (part && (model.training !== "own" || !over.length)) return "–";
  const found = part ? ends(drawnMean(drawn(state.choice, model.accuracy, over), over)) : intervalOf(model, mean);
  const value = number(meanOver(model.robustness, over)) + mark(isBeyond(model, mean)) + bracketed(found);
  return part ? `${value} over ${over.length} of ${all.length} shifts` : value;
}

function shiftText(model, shift) {
  if (filter.elements.unit.value === "accuracy") return number(model.accuracy[shift]);
  return number(model.robustness[shift]) + mark(model.extrapolated.includes(shift));
}

{% include "table.js" %}

{% include "panels.js" %}

{% include "own_models.js" %}

{% include "take_away.js" %}

// --- Start

function refresh() {
  judgeAll();
  tellChoice();
  show();
  tellOwn();
}

filter.addEventListener("submit", (event) => event.preventDefault());
filter.addEventListener("input", (event) => {
  if (event.target.name === "line") {
    state.choice = event.target.value;
    refresh();
  } else show();
  // Whose search is over wants to see what was marked.
  if (event.target === search && !search.value) bringChosenIntoView();
});
attachHeads();
// On a telephone the chart would stand beneath a screen of filters.
if (matchMedia("(max-width: 40rem)").matches) find(".more").open = false;
for (const one of document.querySelectorAll("[data-script]")) one.hidden = false;
find("#figure-published").classList.add("filtered"); // the filter has the legend's symbols
restore();
addEventListener("hashchange", () => restore(true));
addEventListener("load", linkPanels); // charts.js, which draws the charts, has run by then
window.published = { place, ends, drawn, drawnMean, meanOver, shiftsOf, models, state, refresh };
})();
