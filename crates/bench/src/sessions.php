// Run by `php -r`: prints PHP sessions of the kinds the common applications keep, encoded by PHP itself.
// Arguments: number of sessions, number of successive states (requests) of each.
// Output, one record per state: "<kind> <session> <bytes>\n", the bytes, "\n".
declare(strict_types=1);

[$count, $states] = [(int) $argv[1], (int) $argv[2]];

session_set_save_handler(new class implements SessionHandlerInterface {
    public function open(string $path, string $name): bool { return true; }
    public function close(): bool { return true; }
    public function read(string $id): string|false { return ''; }
    public function write(string $id, string $data): bool { return true; }
    public function destroy(string $id): bool { return true; }
    public function gc(int $max): int|false { return 0; }
}, false);
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
ini_set('session.serialize_handler', 'php');
session_id('bench');
session_start();

function hex(int $bytes): string {
    for ($out = ''; strlen($out) < 2 * $bytes;) $out .= sprintf('%08x', mt_rand());
    return substr($out, 0, 2 * $bytes);
}
function words(int $n): string {
    $list = ['azul', 'grande', 'camisa', 'summer', 'cotton', 'edition', 'café', 'preço', 'leather', 'mini',
        'garden', 'lamp', 'livro', 'series', 'pack', 'organic', 'caneca', 'vinho', 'tinto', 'classic'];
    for ($out = []; count($out) < $n;) $out[] = $list[mt_rand(0, count($list) - 1)];
    return implode(' ', $out);
}
final class Address {
    public ?string $company = null;
    protected array $street;
    private bool $validated = true;
    public function __construct(public string $city, string $line) { $this->street = [$line, '']; }
}
final class Token {
    private array $roles = ['ROLE_USER', 'ROLE_CUSTOMER'];
    private ?string $salt = null;
    public function __construct(private int $id, private string $email, private string $password) {}
}

function counter(int $request): array { return ['count' => $request + mt_rand(0, 5000)]; }

function laravel(int $request): array {
    $out = ['_token' => hex(20), '_previous' => ['url' => 'https://shop.example/products/' . mt_rand(1, 99999)],
        '_flash' => ['old' => [], 'new' => $request % 2 ? ['status'] : []],
        'login_web_' . hex(20) => mt_rand(1, 900000),
        'password_hash_web' => '$2y$10$' . substr(base64_encode(hex(40)), 0, 53),
        'url' => ['intended' => 'https://shop.example/account'], 'locale' => 'pt_BR'];
    if ($request % 2) $out['status'] = words(6);
    $items = mt_rand(0, 3);
    for ($i = 0; $i < $items + $request % 2; $i++) $out['cart']['items'][hex(8)] = ['id' => mt_rand(1, 9999),
        'name' => words(4), 'qty' => mt_rand(1, 4), 'price' => mt_rand(100, 99900) / 100, 'options' => ['size' => 'M', 'colour' => words(1)]];
    return $out;
}

function symfony(int $request): array {
    $token = serialize(new Token(mt_rand(1, 900000), 'cliente' . mt_rand(1, 900000) . '@example.com',
        '$argon2id$v=19$m=65536,t=4,p=1$' . base64_encode(hex(16)) . '$' . base64_encode(hex(22))));
    return ['_sf2_attributes' => ['_security.last_username' => 'cliente' . mt_rand(1, 900000) . '@example.com',
            '_security_main' => $token, '_csrf/https-authenticate' => hex(22), '_csrf/https-cart' => hex(22),
            '_locale' => 'pt', 'filters' => ['brand' => words(mt_rand(0, 4)), 'page' => $request]],
        '_symfony_flashes' => $request % 2 ? ['success' => [words(7)]] : [],
        '_sf2_meta' => ['u' => 1717770000 + $request * 17, 'c' => 1717760000 + mt_rand(0, 9999), 'l' => '0']];
}

function woo(int $request): array {
    $cart = [];
    $lines = mt_rand(1, 4) + $request % 2;
    for ($i = 0; $i < $lines; $i++) {
        $price = mt_rand(100, 30000) / 100;
        $cart[hex(16)] = ['key' => hex(16), 'product_id' => mt_rand(1, 60000), 'variation_id' => mt_rand(0, 900),
            'variation' => ['attribute_pa_cor' => words(1)], 'quantity' => mt_rand(1, 3), 'data_hash' => hex(16),
            'line_tax_data' => ['subtotal' => [1 => $price * 0.23], 'total' => [1 => $price * 0.23]],
            'line_subtotal' => $price, 'line_subtotal_tax' => $price * 0.23, 'line_total' => $price, 'line_tax' => $price * 0.23];
    }
    return ['cart' => serialize($cart), 'cart_totals' => serialize(['subtotal' => '129.90', 'subtotal_tax' => 29.877,
            'shipping_total' => '4.90', 'discount_total' => 0, 'total' => '164.68', 'total_tax' => 31.0]),
        'applied_coupons' => serialize($request % 2 ? ['VERAO' . mt_rand(1, 99)] : []), 'wc_notices' => null,
        'customer' => serialize(['id' => (string) mt_rand(0, 99999), 'postcode' => sprintf('%04d-%03d', mt_rand(1000, 9999), mt_rand(0, 999)),
            'city' => 'Lisboa', 'country' => 'PT', 'email' => 'cliente' . mt_rand(1, 900000) . '@example.com', 'address_1' => words(4)])];
}

function magento(int $request): array {
    $seen = [];
    for ($i = mt_rand(2, 6 + $request); $i-- > 0;) $seen[] = ['product' => mt_rand(1, 99999), 'name' => words(5), 'added_at' => 1717770000 + mt_rand(0, 9999)];
    return ['_session_validator_data' => ['remote_addr' => '203.0.113.' . mt_rand(1, 254), 'http_via' => '',
            'http_x_forwarded_for' => '', 'http_user_agent' => 'Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0'],
        'session_hosts' => ['shop.example' => true], 'default' => ['_form_key' => hex(8), 'visitor_data' => [
            'last_visit_at' => '2024-06-07 14:20:' . mt_rand(10, 59), 'session_id' => hex(16), 'visitor_id' => (string) mt_rand(1, 9999999), 'customer_id' => null]],
        'customer_base' => ['customer_group_id' => 1, 'no_referer' => true], 'catalog' => ['recently_viewed' => $seen, 'limit_page' => 24],
        'checkout' => ['quote_id_1' => mt_rand(1, 999999), 'address' => new Address('Porto', words(5)), 'steps' => ['shipping' => ['allow' => true, 'complete' => (bool) ($request % 2)]]]];
}

$kinds = ['counter', 'laravel', 'symfony', 'woo', 'magento'];
$weights = [2, 3, 2, 2, 1]; // Out of ten: most farms run a framework application, fewer a shop.
$order = [];
foreach ($weights as $i => $weight) array_push($order, ...array_fill(0, $weight, $kinds[$i]));
for ($session = 0; $session < $count; $session++) {
    $kind = $order[$session % count($order)];
    for ($request = 0; $request < $states; $request++) {
        mt_srand(20240607 + $session); // The states of one session share its names and tokens.
        $_SESSION = $kind($request);
        $bytes = session_encode();
        printf("%s %d %d\n%s\n", $kind, $session, strlen($bytes), $bytes);
    }
}
