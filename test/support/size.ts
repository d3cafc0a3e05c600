/** `npm run test:all` runs the long tests in full size, `npm test` in a smaller size. */
export const isFullSize = process.env["TEST_SIZE"] === "all";

export const sized = (few: number, all: number): number => (isFullSize ? all : few);
