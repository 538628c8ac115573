// --- The search: each word has to occur in a model's names, backbone, data or source, whatever its case
// and its separators: "vitb32" finds ViT-B-32, as "ViT-B/32" does

const SEPARATORS = /[^\p{L}\p{N}]+/gu;
const joined = (text) => String(text ?? "").toLowerCase().replace(SEPARATORS, "");
// Fields stay apart, so that no word is found across two of them.
const searchText = (fields) => fields.map(joined).join("\n");
const hasAll = (words) => (model) => words.every((word) => model.text.includes(word));

// The words as they are typed, "b 32" as one or, if no model has these, their parts: those of
// "openai/clip-vit-base-patch32".
function searchWords() {
  const typed = search.value.replace(/[\s,]+(?=[\p{L}\p{N}]{1,2}(?:[\s,]|$))/gu, "");
  const whole = typed.split(/[\s,]+/).map(joined).filter(Boolean);
  return models.some(hasAll(whole)) ? whole : search.value.split(SEPARATORS).map(joined).filter(Boolean);
}

// Most supervised models are listed on demand.
const isListed = (model) => model.listed || filter.elements.every.checked;

function isFiltered(model) {
  const box = find(`[name=training][value=${model.training}]`, filter);
  const wanted = filter.elements.data.value;
  return !box.checked || (wanted !== "" && model.data !== wanted);
}

// The models of the table and the chart: what was found or, without a hit, all that the filters leave.
function shownModels() {
  const words = searchWords();
  const listed = models.filter(isListed);
  const left = listed.filter((model) => !isFiltered(model));
  const hits = left.filter(hasAll(words));
  const said = [`${hits.length} of ${listed.length} models`, ...searchAdvice(words, hits.length)];
  if (left.length && !hits.length) said.push(`Chart and table keep all ${left.length}`);
  find("#published-count").textContent = said.length > 1 ? `${said.join(". ")}.` : said[0];
  return hits.length ? hits : left;
}

// Say where a search would find more or, if nowhere, what to try.
function searchAdvice(words, hits) {
  if (!words.length) return hits ? [] : ["The filters hide all: tick a training, or choose other data"];
  const [more, found] = [hits ? " more" : "", models.filter(hasAll(words))];
  const filtered = found.filter((model) => isListed(model) && isFiltered(model)).length;
  const supervised = found.filter((model) => !isListed(model)).length;
  const advice = [];
  if (filtered) advice.push(`The filters of training and data hide ${filtered}${more}`);
  if (supervised) advice.push(`To see ${supervised}${more}, tick “all supervised models” among the filters`);
  if (found.length) return advice;
  const grey = standard.find(([name]) => words.every((word) => joined(name).includes(word)));
  if (grey) return [`${grey[0]} is a standard model of the testbed: a grey mark, which the table does not list`];
  const unknown = words.filter((word) => !models.some(hasAll([word])));
  if (!unknown.length) return ["No model has all of these words: try fewer"];
  return [
    `No model has “${unknown.join("”, “")}” in its name, backbone, data or source, supervised ones included`,
    "Try ViT-B/32, LAION-2B or timm, or give its accuracies under “Your own models”",
  ];
}
