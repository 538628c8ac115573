// The page of published models: the table and the chart follow the search, the filters and the choice of
// the line; the reader's own models stand among the others; the address keeps all of it. Without this
// script the page has the first rows of the table on straight lines.
"use strict";
(() => {
{% include "lines.js" %}

const { trainings, sources, standard } = data;
const OWN = "your models";
const find = (selector, from = document) => from.querySelector(selector);
const filter = find("#filter");
const table = find("#published-table");
const search = filter.elements.q;
const state = { sort: "all", descending: true, chosen: "", choice: DEFAULT, all: false, own: [] };

{% include "search.js" %}

// --- Models

const byTestSet = (values) => Object.fromEntries(sets.map((key, i) => [key, values[i] ?? null]));

const models = data.models.map(([name, source, training, pretraining, values, listed, size, ...others]) => {
  const texts = [name, ...others, pretraining, trainings[training], source, sources[source].title, size];
  return {
    name, source, training, data: pretraining, listed: Boolean(listed),
    accuracy: byTestSet(values), text: searchText(texts),
  };
});
const standardModels = standard.map(([name, ...values]) => ({ name, accuracy: byTestSet(values) }));

// Compute what models are on the lines in use, and rank the zero-shot models to which none is extrapolated.
function judgeAll() {
  for (const model of [...models, ...state.own]) {
    Object.assign(model, place(state.choice, model.accuracy), { intervals: {}, rank: null });
    model.means = Object.fromEntries(
      Object.entries(MEANS).map(([mean, over]) => [mean, meanOver(model.robustness, over)]),
    );
  }
  models
    .filter((model) => model.training === "zero_shot" && model.means.all !== null && !model.extrapolated.length)
    .sort((a, b) => b.means.all - a.means.all || (a.name < b.name ? -1 : 1))
    .forEach((model, i) => (model.rank = i + 1));
}

// The interval of a mean, computed when it is asked for.
function intervalOf(model, mean) {
  if (model.means[mean] === null) return null;
  model.intervals[mean] ??= ends(drawnMean(state.choice, model.accuracy, MEANS[mean]));
  return model.intervals[mean];
}

const isBeyond = (model, mean) => model.extrapolated.some((shift) => MEANS[mean].includes(shift));

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

// A mean and its interval.
function meanTexts(model, mean) {
  if (model.means[mean] === null) return ["–", ""];
  return [number(model.means[mean]) + mark(isBeyond(model, mean)), bracketed(intervalOf(model, mean))];
}

{% include "table.js" %}

{% include "panels.js" %}

{% include "own_models.js" %}

{% include "take_away.js" %}

// --- Start

function refresh() {
  judgeAll();
  find("#choice").textContent = `${choices[state.choice].label}: ${choices[state.choice].text}`;
  show();
  tellOwn();
}

filter.addEventListener("submit", (event) => event.preventDefault());
filter.addEventListener("input", (event) => {
  state.choice = filter.elements.line.value;
  if (event.target.name === "line") refresh();
  else show();
  // Whose search is over wants to see what was marked.
  if (event.target === search && !search.value) centre(chosenRow());
});
// On a telephone the chart would stand beneath a screen of filters.
if (matchMedia("(max-width: 40rem)").matches) find(".more").open = false;
for (const one of document.querySelectorAll("[data-script]")) one.hidden = false;
restore();
addEventListener("hashchange", () => restore(true));
addEventListener("load", linkPanels); // charts.js, which draws the charts, has run by then
window.published = { place, ends, drawnMean, meanOver, limitOver, models, MEANS };
})();
