/** Note a problem with an `aspect` of a packet, under the requirement that the case cites for it, or the `standard` one. */
export type Add = (aspect: string, expected: string, actual: string, standard?: string) => void;
