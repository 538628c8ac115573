// The concept finder: rows whose concept or category holds one of the words typed, parted by commas.
(() => {
  const field = document.getElementById("find-concept");
  if (!field) return;
  const count = document.getElementById("found-concepts");
  const rows = [...document.querySelectorAll("#concept-table tbody tr")];
  const words = rows.map((row) => row.dataset.words.toLowerCase());
  const filter = () => {
    const wanted = field.value.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);
    let found = 0;
    rows.forEach((row, index) => {
      row.hidden = wanted.length > 0 && !wanted.some((word) => words[index].includes(word));
      found += row.hidden ? 0 : 1;
    });
    count.textContent = `${found} of ${rows.length} concepts`;
  };
  field.addEventListener("input", filter);
  field.closest("label").hidden = false;
  filter();
})();
