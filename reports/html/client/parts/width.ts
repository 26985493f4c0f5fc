import { useEffect, useState } from 'preact/hooks';

const QUERY = '(max-width: 700px)';

/** Whether the page is as narrow as a phone; drawings lay themselves out accordingly. */
export function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => matchMedia(QUERY).matches);
  useEffect(() => {
    const query = matchMedia(QUERY);
    const onChange = () => setNarrow(query.matches);
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, []);
  return narrow;
}
