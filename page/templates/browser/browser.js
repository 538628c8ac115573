"use strict";
// The finder: hides the rows of both tables whose concepts do not hold what is typed.
const finder = document.getElementById("finder");
if (finder) {
  const input = document.getElementById("concept");
  const tables = ["directions", "found"].map((name) => {
    const table = document.querySelector(`table.${name}`);
    const rows = [...table.tBodies[0].rows].map((row) => {
      const cells = name === "found" ? [row.cells[0], row.cells[1]] : [row.cells[2]];
      const listed = (row.dataset.concepts || "").toLowerCase();
      const words = cells.map((cell) => cell.textContent.toLowerCase()).join(" ");
      const strong = [...row.querySelectorAll("td.concepts span:not(.below)")];
      const encoded = strong.map((span) => span.textContent.toLowerCase()).join(" ");
      return { row, words: `${words} ${listed}`, encoded: `${encoded} ${listed}` };
    });
    return { table, rows, none: table.closest("section").querySelector(".none") };
  });
  const find = () => {
    const wanted = input.value.trim().toLowerCase();
    const counts = tables.map(({ table, rows, none }) => {
      for (const { row, words } of rows) {
        row.hidden = !words.includes(wanted);
      }
      const count = rows.filter(({ row }) => !row.hidden).length;
      table.hidden = !count;
      none.hidden = count > 0;
      return count;
    });
    const encoding = tables[0].rows.filter(({ encoded }) => encoded.includes(wanted)).length;
    const encodes = `${encoding} encode${encoding === 1 ? "s" : ""}`;
    document.getElementById("found").textContent = wanted
      ? `${counts[0]} of ${tables[0].rows.length} directions, ${encodes} it; ${counts[1]} of ${tables[1].rows.length} concepts`
      : "";
  };
  finder.hidden = document.getElementById("searched").hidden = false;
  finder.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("input", find);
  find();
}
