"""SignInUserPool: a Cognito user pool whose sessions outlast the outage of a Region, and what others need of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.api._identity_provider import AccountLinking, IdentityProvider
from cdp_constructs.core.acknowledgments import acknowledge_each
from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import cloudwatch, lambda_, sns
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minutes
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_range

__all__ = ["AccountLinking", "FederatedSignIn", "IdentityProvider", "SignInUserPool", "TokenIssuer"]

_TOKENS = (
    "https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-with-identity-"
    "providers.html"
)
_PLANS = "https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-sign-in-feature-plans.html"
_RATES = (
    "https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based-high-level-settings.html"
)


@checks_options
@dataclass(frozen=True)
class TokenIssuer:
    """An issuer of JSON web tokens: what a JWT authorizer, also one of another Region, needs to know of a user pool."""

    url: str
    """What the claim ``iss`` of a token says; its keys are at ``<url>/.well-known/jwks.json``."""
    audience: "Sequence[str]"
    """What the claim ``aud``, or ``client_id`` of an access token, may say: ids of the pool's clients."""
    user_pool_id: str | None = None
    """Id of the user pool; None for another provider of OpenID Connect."""
    region: str | None = None
    """Region of the user pool."""

    @classmethod
    def of_user_pool(cls, user_pool: cognito.IUserPool, *clients: cognito.IUserPoolClient) -> "TokenIssuer":
        """Take the tokens that a user pool gives to some of its clients.

        Args:
            user_pool: Created or imported, of any Region: of an imported one the Region in its ARN or id counts.
            clients: The clients whose tokens are taken.
        """
        pool_id = user_pool.user_pool_id
        # An id begins with the pool's Region; the CDK takes one that is imported by its id for one of the stack's.
        named = not Token.is_unresolved(pool_id) and "_" in pool_id
        region = pool_id.partition("_")[0] if named else user_pool.env.region
        url = f"https://cognito-idp.{region}.{Stack.of(user_pool).url_suffix}/{pool_id}"
        return cls(url, [client.user_pool_client_id for client in clients], user_pool_id=pool_id, region=region)


@checks_options
@dataclass(frozen=True)
class FederatedSignIn:
    """What ``SignInUserPool.add_identity_providers`` added."""

    domain: cognito.UserPoolDomain
    """Serves the sign-in: ``<domain>/oauth2/authorize`` sends people to a provider, ``/oauth2/token`` gives tokens."""
    function: "lambda_.Function"
    """Decides whose a mail address is when somebody signs up."""

    def metric_refused_sign_ups(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Sign-ups that were refused because an account has the address. Sum over 5 minutes by default."""
        return function_metric(self.function, "RefusedSignUps", period=period)

    def metric_linked_accounts(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Sign-ins of a provider that were linked to an account. Sum over 5 minutes by default."""
        return function_metric(self.function, "LinkedAccounts", period=period)


@checks_options
class SignInUserPool(Construct):
    """A Cognito user pool with one public client, whose sessions outlast the outage of a Region.

    CDP: none.

    Passwords have 12 characters or more of four kinds; a second factor by authenticator application is optional;
    accounts are recovered by verified mail. Access tokens of 4 hours outlive a recovery goal of one hour, because only
    the pool's own Region can renew them. A refresh token is good for one renewal, which returns the next one.
    ``add_identity_providers`` lets people sign in with Google, Facebook, Apple, Amazon, OpenID Connect or SAML, too.

        users = SignInUserPool(self, "Users")
        AuthorizedApi(self, "Shop", allowed_origins=["https://shop.example.com"], issuer=users.issuer)

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        self_sign_up: Whether anybody may make an account; otherwise administrators do. True by default.
        auth_flows: How passwords are sent; by default by SRP, which never shows them to the network or to Cognito.
        access_token_validity: 5 minutes to 1 day; 4 hours by default. It also bounds how long a user who was removed
            can still call an API.
        refresh_token_validity: 1 hour to 10 years, longer than ``access_token_validity``; 90 days by default. A
            session ends so long after its sign-in, however often it was renewed.
        rotate_refresh_tokens: Whether a renewal returns a new refresh token and ends the old one after 60 seconds. True
            by default; clients then renew by ``GetTokensFromRefreshToken``, and ``REFRESH_TOKEN_AUTH`` is refused.
        feature_plan: The Cognito plan of the pool, which every user who is active in a month is paid by.
            ``FeaturePlan.LITE`` costs a third and lacks what the others have; of what this pattern uses that is
            rotation, so it needs ``rotate_refresh_tokens=False``
            (https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-sign-in-feature-plans.html). Default:
            ``ESSENTIALS``.
        email: Who sends the codes. By default Cognito itself, at most 50 mails a day for an account
            (https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-email.html): give
            ``UserPoolEmail.with_ses(…)`` in production.
        rate_limit: Requests of one IP address in five minutes, 10 to 2,000,000,000, renewals of sessions not counted;
            AWS WAF refuses what is above. At least what all users behind one address need; its web ACL costs $6 a
            month. For more rules ``attach_web_acl``. Default: no limit.
        alarm_topic: Receives an alarm when Cognito throttles sign-ins; by default there is none.
        removal_policy: What happens to the accounts when the stack is deleted; they are kept by default. With DESTROY
            deletion protection is off too.

    Raises:
        InvalidOptionError: when a validity or the rate limit is out of range, sessions are not longer than tokens,
            refresh tokens are to rotate in the Lite plan, or the alarm topic is in another Region.
    """

    user_pool: cognito.UserPool
    """The users."""
    user_pool_client: cognito.UserPoolClient
    """The public client."""
    issuer: TokenIssuer
    """The pool's tokens for that client, for ``AuthorizedApi`` in any Region."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        self_sign_up: bool = True,
        auth_flows: cognito.AuthFlow | None = None,
        access_token_validity: Duration | None = None,
        refresh_token_validity: Duration | None = None,
        rotate_refresh_tokens: bool = True,
        feature_plan: cognito.FeaturePlan = cognito.FeaturePlan.ESSENTIALS,
        email: cognito.UserPoolEmail | None = None,
        rate_limit: int | None = None,
        alarm_topic: "sns.ITopic | None" = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        token = access_token_validity or Duration.hours(4)
        session = refresh_token_validity or days(90)
        self._check_validity(token, session)
        if feature_plan == cognito.FeaturePlan.LITE and rotate_refresh_tokens:
            problem = "is LITE and rotate_refresh_tokens True, which that plan does not have"
            fix = f"Give rotate_refresh_tokens=False, or FeaturePlan.ESSENTIALS ({_PLANS})"
            raise InvalidOptionError(self, "feature_plan", problem, fix)
        if rate_limit is not None:
            check_range(
                self,
                "rate_limit",
                rate_limit,
                low=10,
                high=2_000_000_000,
                unit="requests",
                source=_RATES,
                tokens=True,
            )
        self.user_pool = self._add_user_pool(
            self_sign_up=self_sign_up, feature_plan=feature_plan, email=email, removal_policy=removal_policy
        )
        self.user_pool_client = self.user_pool.add_client(
            "Client",
            auth_flows=auth_flows or cognito.AuthFlow(user_srp=True),
            generate_secret=False,
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            access_token_validity=token,
            id_token_validity=token,
            refresh_token_validity=session,
            # The longest there is: a client that timed out can try again with the token that it still has. With it the
            # CDK leaves ALLOW_REFRESH_TOKEN_AUTH out, as Cognito demands.
            refresh_token_rotation_grace_period=minutes(1) if rotate_refresh_tokens else None,
            disable_o_auth=True,
        )
        self.issuer = TokenIssuer.of_user_pool(self.user_pool, self.user_pool_client)
        self._alarm_topic, self._removal_policy = alarm_topic, removal_policy
        self._federated: FederatedSignIn | None = None
        if rate_limit is not None:
            # Imported here: most pools have no web ACL, and AWS WAF is one of the large modules.
            from cdp_constructs.api._sign_in_web_acl import add_rate_limit

            add_rate_limit(self, self.user_pool, rate_limit)
        add_alarm(
            self,
            "ThrottledSignInsAlarm",
            self.metric_throttled_sign_ins(),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: Cognito throttles sign-ins. Look whether somebody tries passwords, then ask "
            "for a higher quota of UserAuthentication.",
        )

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this pattern, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def add_identity_providers(
        self,
        providers: Sequence[IdentityProvider],
        *,
        domain_prefix: str,
        callback_urls: Sequence[str],
        logout_urls: Sequence[str] = (),
        linking: AccountLinking = AccountLinking.REFUSE,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
    ) -> FederatedSignIn:
        """Let people sign in with other providers, and the public client by authorization codes (use PKCE).

        Args:
            providers: At least one; a pool has one of each social provider, and up to 300 in all.
            domain_prefix: Of ``https://<prefix>.auth.<Region>.amazoncognito.com``, which serves the sign-in: up to 63
                lower-case letters, digits and hyphens, taken by nobody else in the Region. A domain of your own goes
                beside it, by ``user_pool.add_domain``.
            callback_urls: Where codes may be sent: https, an application's own scheme, or http on localhost.
            logout_urls: Where a browser may be sent after signing out. Default: nowhere.
            linking: What happens to who comes with a mail address that an account has verified. By default the sign-up
                is refused; ``LINK_VERIFIED`` links those whose provider is trusted.
            log_retention: How long the logs of the function that decides this are kept. 3 months by default.

        Raises:
            InvalidOptionError: for what Cognito would refuse, linking without a trusted provider, and a second call.
        """
        # Imported here: most pools have passwords only, and functions are one of the large modules.
        from cdp_constructs.api._account_linking import add_account_linking
        from cdp_constructs.api._federation import add_federation, check_federation

        if self._federated is not None:
            fix = "Name all providers in one call"
            raise InvalidOptionError(self, "providers", "was given for the second time", fix)
        check_federation(self, providers, domain_prefix, callback_urls, logout_urls)
        if linking is AccountLinking.LINK_VERIFIED and not any(provider.trusts_email for provider in providers):
            fix = "Give a provider that checks addresses trusted_email=True, or leave linking out"
            problem = f"is {linking} and no provider is trusted with addresses"
            raise InvalidOptionError(self, "linking", problem, fix)
        domain = add_federation(
            self,
            self.user_pool,
            self.user_pool_client,
            providers,
            domain_prefix=domain_prefix,
            callback_urls=callback_urls,
            logout_urls=logout_urls,
        )
        function = add_account_linking(
            self,
            self.user_pool,
            providers,
            linking,
            alarm_topic=self._alarm_topic,
            log_retention=log_retention,
            removal_policy=self._removal_policy,
        )
        self._federated = FederatedSignIn(domain, function)
        return self._federated

    def attach_web_acl(self, web_acl_arn: str) -> None:
        """Let AWS WAF judge every request to the pool's public API; a pool has one web ACL at most.

        Args:
            web_acl_arn: ARN of a web ACL of scope REGIONAL in the pool's Region, such as that of a
                ``WebApplicationFirewall``.

        Raises:
            InvalidOptionError: for a web ACL of scope CLOUDFRONT, and when there is one already.
        """
        from cdp_constructs.core.web_acls import attach

        instead = "Leave rate_limit out, and let the web ACL that you attach limit the rate"
        attach(self, self.user_pool.user_pool_arn, web_acl_arn, protects="pool", instead=instead)

    def metric_throttled_sign_ins(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Sign-ins of the public client that Cognito throttled. Sum over 5 minutes by default, as it publishes them."""
        from aws_cdk import aws_cloudwatch as cloudwatch

        return cloudwatch.Metric(
            namespace="AWS/Cognito",
            metric_name="SignInThrottles",
            dimensions_map={
                "UserPool": self.user_pool.user_pool_id,
                "UserPoolClient": self.user_pool_client.user_pool_client_id,
            },
            statistic="sum",
            period=period or minutes(5),
        )

    def _check_validity(self, token: Duration, session: Duration) -> None:
        for option, value, low, high in (
            ("access_token_validity", token, minutes(5), days(1)),
            ("refresh_token_validity", session, minutes(60), days(3650)),
        ):
            check_duration(self, option, value, low=low, high=high, source=_TOKENS, unit=minutes(1))
        if session.to_seconds() <= token.to_seconds():
            raise InvalidOptionError(
                self,
                "refresh_token_validity",
                f"is {session.to_human_string()} and access_token_validity {token.to_human_string()}",
                "Give a longer session than the tokens that it renews, such as Duration.days(90)",
            )

    def _add_user_pool(
        self,
        *,
        self_sign_up: bool,
        feature_plan: cognito.FeaturePlan,
        email: cognito.UserPoolEmail | None,
        removal_policy: RemovalPolicy,
    ) -> cognito.UserPool:
        pool = cognito.UserPool(
            self,
            "Default",
            self_sign_up_enabled=self_sign_up,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            keep_original=cognito.KeepOriginalAttrs(email=True),
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_digits=True,
                require_lowercase=True,
                require_uppercase=True,
                require_symbols=True,
                temp_password_validity=days(3),
            ),
            mfa=cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            feature_plan=feature_plan,
            email=email,
            deletion_protection=removal_policy != RemovalPolicy.DESTROY,
            removal_policy=removal_policy,
        )
        acknowledge_each(
            pool,
            {
                "AwsSolutions-COG2": "A second factor (authenticator app) is offered, not forced: the public signs up "
                "here by itself. A service that holds more than the users' own data sets mfa to REQUIRED.",
                "AwsSolutions-COG8": "The Plus plan would multiply the price per user for threat protection; the "
                "Essentials plan with a strong password policy is the choice until there is an abuse problem to pay "
                "for.",
            },
        )
        return pool
