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
  const wanted = filter.elements.data.value;
  return !find(`[name=training][value=${model.training}]`, filter).checked || (wanted && model.data !== wanted);
}

// The models that are found and listed; says in words how many these are.
function shownModels() {
  const words = searchWords();
  const found = models.filter(hasAll(words));
  const hits = found.filter((model) => isListed(model) && !isFiltered(model));
  const hidden = words.length ? found.length - hits.length : 0;
  const advice = hidden
    ? `. The filters hide ${hidden}${hits.length ? " more" : ""}; most supervised models are only listed on demand.`
    : hits.length ? "" : ". Try fewer words, such as ViT-B/32, LAION-2B or timm.";
  find("#published-count").textContent = `${hits.length} of ${models.filter(isListed).length} models${advice}`;
  return hits;
}
