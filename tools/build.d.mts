/** Bundle the command line, its workers and the client of the report into `dist/`. */
export function buildAll(): Promise<void>;
