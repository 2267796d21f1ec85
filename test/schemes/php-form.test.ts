import t from 'tap'
import { parsePairs, type Pair } from '../../src/schemes/form.ts'
import { serializeForm } from '../../src/schemes/php-form.ts'

/** What `php -r 'ksort($f); echo serialize($f);'` prints for the fields, by the format that php.net documents. */
const cases: [string, string | undefined][] = [
  ['', 'a:0:{}'],
  ['a=1', 'a:1:{s:1:"a";s:1:"1";}'],
  ['b=&a=x+y', 'a:2:{s:1:"a";s:3:"x y";s:1:"b";s:0:"";}'],
  ['name=%C3%BC', 'a:1:{s:4:"name";s:2:"\u00c3\u00bc";}'],
  ['p_signature=abc&alert_id=12', 'a:1:{s:8:"alert_id";s:2:"12";}'],
  ['a="%3Bs:1:"b', 'a:1:{s:1:"a";s:8:"";s:1:"b";}'],
  ['a=1&a=2', undefined],
  ['a[]=1', undefined],
  ['a.b=1', undefined],
  ['a+b=1', undefined],
  ['12=1', undefined],
  ['-12=1', undefined],
  ['=1', undefined],
]
for (const [body, expected] of cases) t.equal(serializeForm(parsePairs(body) as readonly Pair[], 'p_signature'), expected, body)
