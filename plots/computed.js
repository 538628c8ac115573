window.computed = {"digest": "9826790125fe093c3e744bf6a423756e748d4bf467b599ce337bb6eb57e4d77a", "date": "2026-12-02", "commit": "9ae3cc7a2874 with changes", "processor": "AMD EPYC (x86_64)"};
