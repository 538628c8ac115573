// The concept finder: rows whose concept or category holds one of the words typed, parted by commas.
(() => {
  const field = document.getElementById("find-concept");
  if (!field) return;
  const count = document.getElementById("found-concepts");
  const rows = [...document.querySelectorAll("#concept-table tbody tr")];
  const words = rows.map((row) => row.dataset.words.toLowerCase());
  const directionsOnly = document.getElementById("directions-only");
  const filter = () => {
    const wanted = field.value.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);
    const any = directionsOnly.checked ? ".directions" : ".pair";
    let found = 0;
    rows.forEach((row, index) => {
      let encoders = 0;
      for (const finding of row.querySelectorAll(".finding:has(.pair)")) {
        finding.hidden = !finding.querySelector(any);
        encoders += finding.hidden ? 0 : 1;
      }
      for (const pair of row.querySelectorAll(".pair.features")) pair.hidden = directionsOnly.checked;
      row.querySelector(".encoders").textContent = encoders;
      const left = directionsOnly.checked && !encoders;
      row.hidden = left || (wanted.length && !wanted.some((word) => words[index].includes(word)));
      found += row.hidden ? 0 : 1;
    });
    count.textContent = `${found} of ${rows.length} concepts`;
  };
  for (const control of [field, directionsOnly]) {
    control.addEventListener("input", filter);
    control.closest("label").hidden = false;
  }
  filter();
})();
