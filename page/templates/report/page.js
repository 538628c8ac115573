// The concept finder: rows whose concept or category holds one of the words typed, parted by commas.
(() => {
  const field = document.getElementById("find-concept");
  if (!field) return;
  const count = document.getElementById("found-concepts");
  const rows = [...document.querySelectorAll("#concept-table tbody tr")];
  const filter = () => {
    const wanted = field.value.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);
    for (const row of rows) {
      row.hidden = wanted.length && !wanted.some((word) => row.dataset.words.toLowerCase().includes(word));
    }
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} concepts`;
  };
  field.addEventListener("input", filter);
  field.closest("label").hidden = false;
  filter();
})();

// Pages of directions, which git does not have: names of them become links where the pages are. An <object>
// asks for a page without a message in the console.
(() => {
  const links = [...document.querySelectorAll("[data-page]")];
  const folders = new Set(links.map((link) => link.dataset.page.split("/").slice(0, 2).join("/")));
  for (const folder of folders) {
    const probe = document.createElement("object");
    probe.setAttribute("aria-hidden", "true");
    probe.tabIndex = -1;
    probe.className = "probe";
    probe.onload = () => {
      for (const link of links) if (link.dataset.page.startsWith(`${folder}/`)) link.href = link.dataset.page;
      for (const note of document.querySelectorAll(".without-pages")) note.hidden = true;
      probe.remove();
    };
    probe.onerror = () => probe.remove();
    probe.type = "text/html";
    probe.data = `${folder}/features.html`;
    document.body.append(probe);
  }
})();
