/** `npm run test:all` runs the long tests with their full numbers; `npm test` with fewer. */
export const isFullSize = process.env["TEST_SIZE"] === "all";

export const sized = (few: number, all: number): number => (isFullSize ? all : few);
